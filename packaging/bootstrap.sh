#!/bin/sh
# Sets up what a command needs and is silent when all of it is there: the system's libraries, then the folder .venv.
#
#   packaging/bootstrap.sh [window] [tests]
#
#   window   a real window will open: the X11 libraries too
#   tests    the test suite will run: a virtual screen too
#
# System packages are installed only by root on a system with apt; anybody else reads one line that says what to install.
# The folder .venv is set up again only when pyproject.toml or constraints.txt changed. pip is used as the user has
# configured it. PYTHON=/path/to/python chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."

needs=" base $* "
stamp=.venv/.set-up
venv_python=.venv/bin/python
case "$(uname -s)" in MINGW* | MSYS* | CYGWIN*) venv_python=.venv/Scripts/python.exe ;; esac

# need, shared library, Debian's package of it
libraries='
base libEGL.so.1 libegl1
base libGL.so.1 libgl1
base libX11.so.6 libx11-6
base libxkbcommon.so.0 libxkbcommon0
base libfontconfig.so.1 libfontconfig1
base libfreetype.so.6 libfreetype6
base libglib-2.0.so.0 libglib2.0-0
base libgthread-2.0.so.0 libglib2.0-0
base libdbus-1.so.3 libdbus-1-3
window libX11-xcb.so.1 libx11-xcb1
window libxcb-cursor.so.0 libxcb-cursor0
window libxcb-icccm.so.4 libxcb-icccm4
window libxcb-image.so.0 libxcb-image0
window libxcb-keysyms.so.1 libxcb-keysyms1
window libxcb-randr.so.0 libxcb-randr0
window libxcb-render-util.so.0 libxcb-render-util0
window libxcb-shape.so.0 libxcb-shape0
window libxcb-sync.so.1 libxcb-sync1
window libxcb-xfixes.so.0 libxcb-xfixes0
window libxcb-xkb.so.1 libxcb-xkb1
window libxkbcommon-x11.so.0 libxkbcommon-x11-0
'

missing_packages=''
missing_names=''

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

is_needed() { case "$needs" in *" $1 "*) true ;; *) false ;; esac }

lacks() { # what it is called anywhere, Debian's package
    missing_names="$missing_names${missing_names:+, }$1"
    case " $missing_packages " in *" $2 "*) ;; *) missing_packages="$missing_packages${missing_packages:+ }$2" ;; esac
}

runs_python() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

choose_python() {
    if [ -n "${PYTHON:-}" ]; then
        runs_python "$PYTHON" || fail "PYTHON=$PYTHON does not run Python 3.11, 3.12 or 3.13."
        python=$PYTHON
        return
    fi
    for python in "$venv_python" python3 python3.13 python3.12 python3.11 python; do
        if runs_python "$python"; then return; fi
    done
    found=$(python3 --version 2>/dev/null || echo 'no Python')
    fail "MLOps Desktop needs Python 3.11, 3.12 or 3.13 and found $found: install one, or name it with PYTHON=/path/to/python."
}

unloadable() { # those of the named shared libraries that cannot be loaded
    "$python" - "$@" <<'END'
import ctypes
import sys

for name in sys.argv[1:]:
    try:
        ctypes.CDLL(name)
    except OSError:
        print(name)
END
}

find_missing_libraries() {
    wanted_libraries=$(printf '%s' "$libraries" | while read -r need library _; do
        if is_needed "$need"; then echo "$library"; fi
    done)
    # shellcheck disable=SC2086
    for library in $(unloadable $wanted_libraries); do
        lacks "$library" "$(printf '%s' "$libraries" | awk -v it="$library" '$2 == it { print $3 }')"
    done
}

has_font() { # whose file name matches one of the patterns
    for pattern in "$@"; do
        for folder in /usr/share/fonts /usr/local/share/fonts "${HOME:-/}/.fonts" "${HOME:-/}/.local/share/fonts"; do
            [ -d "$folder" ] && [ -n "$(find -L "$folder" -iname "$pattern" -print 2>/dev/null | head -n 1)" ] && return
        done
    done
    false
}

find_missing_on_linux() {
    find_missing_libraries
    has_font '*.ttf' '*.otf' || lacks 'a font' fonts-dejavu-core
    has_font '*cjk*' '*wqy*' '*fallback*' || lacks 'a font for Chinese, Japanese and Korean' fonts-noto-cjk
    if is_needed tests; then
        command -v xvfb-run >/dev/null || lacks xvfb-run xvfb
        command -v xauth >/dev/null || lacks xauth xauth
    fi
}

wish_for_postgres() { # its tests are skipped, visibly, where it is not there and cannot be installed
    if ! is_needed tests || [ "$(uname -s)" != Linux ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then return 0; fi
    [ -z "$(find /usr/lib/postgresql -name initdb 2>/dev/null)" ] || return 0
    echo "Installing postgresql for the tests of databases"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >/dev/null 2>&1 ||
        echo "PostgreSQL could not be installed; its tests will be skipped"
}

wanted_stamp() { # what .venv depends on, its place included: scripts and the project's link name it
    cksum pyproject.toml constraints.txt
    "$python" --version 2>&1
    pwd
}

is_set_up() { [ -x "$venv_python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$(wanted_stamp)" ]; }

venv_is_fine() { # it has pip, and the Python that was asked for
    runs_python "$venv_python" && "$venv_python" -m pip --version >/dev/null 2>&1 &&
        [ "$("$python" --version 2>&1)" = "$("$venv_python" --version 2>&1)" ]
}

find_missing_venv_module() {
    if is_set_up || venv_is_fine; then return; fi
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    case "$(command -v "$python")" in
        */python3.1?) lacks "Python's venv module" "$(basename "$python")-venv" ;;
        *) lacks "Python's venv module" python3-venv ;;
    esac
}

get_missing() {
    [ -n "$missing_names" ] || return 0
    command -v apt-get >/dev/null || fail "Install these first, they are missing: $missing_names."
    [ "$(id -u)" = 0 ] || fail "Install what is missing with: sudo apt-get install -y $missing_packages"
    echo "Installing $missing_packages"
    # A stale list of packages is tried as it is; installing says what it lacks.
    apt-get update -qq || true
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing_packages >/dev/null ||
        fail "These could not be installed: $missing_packages"
}

set_up_venv() {
    is_set_up && return
    echo "Setting up .venv (takes a few minutes the first time)"
    venv_is_fine || "$python" -m venv --clear .venv || fail "The folder .venv could not be made with $python."
    rm -f "$stamp"
    verbosity=--quiet
    if [ -t 1 ]; then verbosity=--progress-bar=on; fi
    PIP_USER=0 "$venv_python" -m pip install --disable-pip-version-check "$verbosity" \
        --constraint constraints.txt --editable '.[gui,sql,dev,sample]' ||
        fail "pip could not install the packages of constraints.txt; its last lines say why."
    wanted_stamp >"$stamp"
}

choose_python
if [ "$(uname -s)" = Linux ]; then find_missing_on_linux; fi
find_missing_venv_module
get_missing
wish_for_postgres
set_up_venv
