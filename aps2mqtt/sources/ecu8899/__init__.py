"""The ECU's own protocol on TCP port 8899: tables, frames, answers, client, restart."""
