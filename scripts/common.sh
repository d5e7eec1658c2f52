# Shared by the other scripts: finds Pythons and makes virtual environments. Needs only a POSIX shell.
set -eu
unset PYTHONDONTWRITEBYTECODE # the tests start the program often, and compiled modules load faster
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

# Prints the version of the project.
project_version() { sed -n 's/^__version__ = "\(.*\)"$/\1/p' aps2mqtt/__init__.py; }

# Prints version and path of each Python from 3.11 on that really runs: shims of version managers may not.
each_python() (
    IFS=:
    for folder in $PATH "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin; do
        for python in "$folder"/python3 "$folder"/python3.[0-9] "$folder"/python3.[0-9][0-9]; do
            [ -x "$python" ] || continue
            "$python" -S - 2>/dev/null <<'END' || continue
import sys
if sys.version_info >= (3, 11):
    print("%d.%d" % sys.version_info[:2], sys.executable)
END
        done
    done
)

# Prints the first Python of the version $1.
python_of() {
    each_python | sed -n "s/^$1 //p" | head -n 1
}

# Prints the versions that this machine has, the oldest first.
pythons() {
    each_python | cut -d ' ' -f 1 | sort -u -t . -k 1,1n -k 2,2n
}

# Installs Debian packages if this system has apt-get; the arguments after the first are their names.
install_debian() {
    why=$1; shift
    command -v apt-get >/dev/null || fail "$why: this system has no apt-get; install $* by hand"
    as_root=""
    [ "$(id -u)" = 0 ] || as_root=sudo
    say "installing $* ($why)"
    $as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# Makes the virtual environment $1 with the Python of version $2 and installs the rest of the arguments with pip.
environment() {
    folder=$1; version=$2; shift 2
    python=$(python_of "$version")
    "$python" -c 'import ensurepip, venv' 2>/dev/null || install_debian "to make virtual environments" python3-venv
    [ -x "$folder/bin/python" ] || "$python" -m venv "$folder"
    "$folder/bin/python" -m pip install -qq --disable-pip-version-check --upgrade 'pip>=25.1'
    "$folder/bin/python" -m pip install -qq --disable-pip-version-check "$@"
}
