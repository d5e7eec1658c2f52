"""The source SunSpec: the ECU's official interface, Modbus TCP on port 502. Each inverter is a Modbus unit."""
