# Shared by the scripts beside it: finds Pythons, makes virtual environments. Needs a POSIX shell and nothing else.
set -eu
unset PYTHONDONTWRITEBYTECODE # what is started a thousand times starts sooner
cd "$(dirname "$0")/.."

say() { printf '\n== %s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

# Prints the first Python of the version $1 that really runs: shims of version managers may not.
python_of() {
    for candidate in "python$1" python3 "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
        if [ "$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" = "$1" ]; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
}

# Prints the versions from 3.11 on that this machine has.
pythons() {
    for version in 3.11 3.12 3.13; do
        [ -z "$(python_of "$version")" ] || echo "$version"
    done
}

# Installs Debian packages, where that can be done; the arguments after the first are their names.
install_debian() {
    why=$1; shift
    command -v apt-get >/dev/null || fail "$why: install $* by hand, this is no Debian"
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
