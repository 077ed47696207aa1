# Shared by the scripts beside this folder: where the project is, what it needs, how it is built.
# shellcheck shell=bash
set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build_packages=(libmnl-dev libnl-3-dev libnl-route-3-dev libsqlite3-dev pkg-config gcc libc6-dev)
lab_packages=(python3 iproute2 iputils-ping nftables ethtool ffmpeg util-linux procps systemd)
browser_packages=(chromium)
player_packages=(vlc-bin vlc-plugin-base mpv gstreamer1.0-tools gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
    gstreamer1.0-libav)
peer_packages=(tshark frr smcroute igmpproxy "${browser_packages[@]}" "${player_packages[@]}")

say() { printf '%s\n' "$*" >&2; }
die() {
    say "error: $*"
    exit 1
}

# Installs what is missing of the Debian packages named, saying so first; an ordinary user is told the one line to run.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "these packages are missing and there is no apt-get to install them: ${missing[*]}"
    if [ "$(id -u)" -ne 0 ]; then
        die "missing packages; run this, then try again:
  sudo apt-get install --no-install-recommends ${missing[*]}"
    fi
    say "installing: ${missing[*]}"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

need_swift() {
    command -v swift >/dev/null ||
        die "no Swift toolchain on PATH; install Swift 6.3 or newer from https://www.swift.org/install/linux/"
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
    case $version in
    6.[3-9] | 6.[1-9][0-9] | [7-9].*) ;;
    *) die "Swift 6.3 or newer is needed, this is ${version:-unknown}" ;;
    esac
}

# build_path CONFIGURATION [SLICE]: each slice has a folder of its own, so that neither rebuilds the other.
build_path() {
    if [ "${2:-}" = core ]; then echo "$project/.build-core"; else echo "$project/.build"; fi
}

# swift_build CONFIGURATION SLICE ARGUMENTS…; SLICE is `core` (without HTTP, TLS and SQL) or `full`.
swift_build() {
    local configuration=$1 slice=$2
    shift 2
    (
        cd "$project"
        [ "$slice" = core ] && export MRP_SLICE=core
        swift build -c "$configuration" --scratch-path "$(build_path "$configuration" "$slice")" "$@"
    )
}
