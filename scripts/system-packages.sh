#!/usr/bin/env bash
# Makes sure that the programs which no language package brings are there.
#
#   scripts/system-packages.sh          what a render needs: a Chrome headless shell, fonts, Python's venv
#   scripts/system-packages.sh tests    what the checks and tests need as well: node, npm and faketime
#
# As root where apt is, missing packages are installed (only then `apt-get update` runs). Elsewhere nothing is
# changed: what is missing is named and the exit code is 1. Says nothing when nothing is missing.
set -euo pipefail

for_tests=false
[[ ${1:-} == tests ]] && for_tests=true

python=${PYTHON:-python3}
missing=() # Debian packages

has() { command -v "$1" >/dev/null 2>&1; }
installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }
say() { printf '%s\n' "$*" >&2; }

# --- what is missing ------------------------------------------------------------------------------------------

if [[ -n ${HELIOS_CHROMIUM:-} ]]; then
    if ! has "$HELIOS_CHROMIUM"; then
        say "HELIOS_CHROMIUM=$HELIOS_CHROMIUM is not a program. Point it to a Chrome headless shell, or unset it."
        exit 1
    fi
elif ! has chromium-headless-shell && ! has chrome-headless-shell; then
    missing+=(chromium-headless-shell)
fi

"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)

if $for_tests; then
    has node || missing+=(nodejs)
    has npm || missing+=(npm)
    has faketime || missing+=(faketime)
fi

if has dpkg-query; then
    # A page that names no font of its own looks the same everywhere only with the same fonts. Those of Noto have the
    # world's scripts (135 MB): without them a character is drawn as a box.
    for font in fonts-liberation fonts-dejavu-core fonts-inter fonts-noto-color-emoji fonts-noto-core fonts-noto-cjk; do
        installed "$font" || missing+=("$font")
    done
fi

((${#missing[@]})) || exit 0

# --- what to do about it --------------------------------------------------------------------------------------

if has apt-get && [[ $(id -u) == 0 ]]; then
    say "Installing system packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    if ! { apt-get update && apt-get install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        say "apt-get failed; all of its output is in $log."
        exit 1
    fi
    rm -f "$log"
    exit 0
fi

fonts_only=true
for package in "${missing[@]}"; do [[ $package == fonts-* ]] || fonts_only=false; done

if has apt-get; then
    say "These packages are missing: ${missing[*]}"
    say "Install them with:"
    say "    sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}"
    if $fonts_only; then
        say "Going on without: text in fonts that a page does not bring itself will look different."
        exit 0
    fi
    exit 1
fi

for package in "${missing[@]}"; do
    case $package in
    chromium-headless-shell)
        say "No Chrome headless shell was found: neither HELIOS_CHROMIUM is set nor is chromium-headless-shell or"
        say "chrome-headless-shell on PATH. Install the package chromium-headless-shell (Debian, Ubuntu) or the"
        say "'chrome-headless-shell' download of Chrome for Testing, and set HELIOS_CHROMIUM to the program's path."
        say "The ordinary chrome or chromium program does not do: it lacks begin-frame control."
        ;;
    python3-venv) say "$python cannot make virtual environments: install Python 3.11 or newer with venv and ensurepip." ;;
    nodejs) say "node is missing: install Node.js 20 or newer (eslint, tsc and the test pages need it)." ;;
    faketime) say "faketime is missing: install libfaketime (tests run the operator with a clock that is wrong)." ;;
    npm) say "npm is missing: install it beside Node.js (it installs eslint, tsc and the libraries of the test pages)." ;;
    esac
done
exit 1
