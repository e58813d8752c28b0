#!/bin/bash
# Makes a machine ready: a Linux host to build Footfall (git, make, a C compiler, Python 3.9 or newer, Node, Rust), or a
# node of a cluster, as which it is also EMR's bootstrap action.
#
#   ./bootstrap.sh            installs what is missing: system packages with apt or dnf (as root), Rust in your home
#   ./bootstrap.sh --check    installs nothing, says what is missing and what to do; exit code 1 if something is
#   ./bootstrap.sh --python   prints the Python that the build uses
#   ./bootstrap.sh --tests    installs what only the tests need, as root, or says what is missing
#   ./bootstrap.sh --emr | --node | --image WHEELHOUSE [OPTIONS]
#                             installs a node of EMR, a node of other hosts, or what becomes an image, from a wheelhouse:
#                             a folder, or s3://.../HASH; docs/nodes.md has the options
#
# Run it as often as you like: what is there stays as it is.
[ -n "${BASH_VERSION:-}" ] || exec bash "$0" "$@"
set -eEuo pipefail
this=$(cd "$(dirname "$0")" && pwd)/$(basename "$0")
PATH="$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin"

TOOLS="git make cc curl python node rust rustfmt clippy"
# Spark runs on Java; the tests of clusters look at processes and sockets.
TOOLS_OF_TESTS="java ps ss shellcheck"
VERSITYGW=v1.7.0

main() {
    case "${1:-}" in --emr | --node | --image) make_node "$@"; return ;; esac
    cd "$(dirname "$this")"
    case "${1:-}" in
        --check) check ;;
        --python) find_python || { what_is python >&2; exit 1; } ;;
        --tests) browser; broker; s3_server; accounts; TOOLS=$TOOLS_OF_TESTS; check >/dev/null || install_missing; check ;;
        "") install_missing; check ;;
        *) sed -n '2,14s/^# \{0,1\}//p' bootstrap.sh >&2; exit 2 ;;
    esac
}

check() {
    absent=$(missing)
    [ -n "$absent" ] || { echo "tools: all there ($TOOLS; $(versions))"; return 0; }
    for tool in $absent; do what_is "$tool"; done
    echo "Install them as above, or run ./bootstrap.sh (as root where it needs system packages)."
    return 1
}

install_missing() {
    absent=$(missing)
    packages=$(for tool in $absent; do package_of "$tool"; done)
    # shellcheck disable=SC2086 # one word per package
    [ -z "$packages" ] || install_packages $packages
    case " $absent " in *" rust "* | *" rustfmt "* | *" clippy "*) install_rust ;; esac
}

install_packages() {
    command="$(manager) install -y$(no_more "$*") $*"
    [ "$(id -u)" = 0 ] || { echo "System packages need root. Run as root:  $command" >&2; exit 1; }
    echo "installing system packages: $command"
    [ "$(manager)" != apt-get ] || apt-get update -q
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive $command
}

# What a browser recommends is not needed to look at a page.
no_more() { case "$*" in *chromium*) echo " --no-install-recommends" ;; esac; }

install_rust() {
    if command -v rustup >/dev/null; then
        echo "updating Rust: rustup installs stable with rustfmt and clippy and makes it the default"
        rustup toolchain install stable --profile minimal --component rustfmt,clippy
        rustup default stable
    else
        echo "installing Rust in ${CARGO_HOME:-$HOME/.cargo} with rustup, rustfmt and clippy"
        curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs |
            sh -s -- -y --no-modify-path --profile minimal --component rustfmt --component clippy
    fi
}

# Notebooks and maps are looked at in a browser where there is one; without it, those tests are skipped.
browser() {
    TOOLS=chromium
    [ -z "$(missing)" ] || [ "$(id -u)" != 0 ] || (install_missing) || true
    [ -z "$(missing)" ] || what_is chromium
}

# Maven fetches Apache Kafka for the tests of live suggestions; without it, they are skipped.
broker() {
    TOOLS=mvn
    [ -z "$(missing)" ] || [ "$(id -u)" != 0 ] || (install_missing) || true
    [ -z "$(missing)" ] || what_is mvn
}

# Go builds a server of S3 that checks signatures and policies; without it, tests at that server are skipped.
s3_server() {
    [ ! -x build/s3/versitygw ] && ! command -v versitygw >/dev/null || return 0
    go=$(command -v go || echo /usr/local/go/bin/go)
    [ -x "$go" ] || { what_is versitygw; return 0; }
    echo "building build/s3/versitygw $VERSITYGW by $go (1-2 min)"
    GOBIN="$PWD/build/s3" "$go" install "github.com/versity/versitygw/cmd/versitygw@$VERSITYGW" || what_is versitygw
}

# The test of a JupyterHub makes accounts of this machine, which log in by PAM; it needs root, and is skipped otherwise.
accounts() {
    [ "$(id -u)" = 0 ] || return 0
    TOOLS="useradd setpriv pam system-python"
    [ -z "$(missing)" ] || (install_missing) || true
    for tool in $(missing); do what_is "$tool"; done
}

# The tools of TOOLS that are not there, in one line.
missing() {
    found=""
    for tool in $TOOLS; do has "$tool" || found="$found $tool"; done
    echo "${found# }"
}

has() {
    case "$1" in
        python) find_python >/dev/null ;;
        curl) command -v curl >/dev/null || has rust ;;
        rust) at_least "$(rust_needed)" "$(cargo --version 2>/dev/null | cut -d' ' -f2)" ;;
        rustfmt) cargo fmt --version >/dev/null 2>&1 ;;
        clippy) cargo clippy --version >/dev/null 2>&1 ;;
        node) command -v npm >/dev/null && at_least 18 "$(node --version 2>/dev/null | tr -d v)" ;;
        java) at_least 17 "$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')" ;;
        chromium)
            for name in chromium chromium-browser google-chrome; do ! command -v "$name" >/dev/null || return 0; done
            return 1
            ;;
        useradd) command -v useradd >/dev/null && command -v chpasswd >/dev/null ;;
        pam) [ -e /etc/pam.d/login ] ;;
        # One that accounts without rights can run, unlike that of root's home.
        system-python) [ -x /usr/bin/python3 ] && /usr/bin/python3 -c 'import venv' 2>/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

what_is() {
    case "$1" in
        git) echo "git is missing: fetches the sources. $(how git)" ;;
        make) echo "make is missing: runs the verbs of the Makefile. $(how make)" ;;
        cc) echo "cc is missing: a C compiler, for linking. $(how cc)" ;;
        curl) echo "curl is missing: fetches Rust's installer. $(how curl)" ;;
        python) echo "python is missing: 3.9 or newer with venv and pip, 3.11 preferred. $(how python)" ;;
        rust) echo "rust is missing or old: needs cargo $(rust_needed). Run ./bootstrap.sh or see https://rustup.rs" ;;
        node) echo "node is missing or old: 18 or later, with npm, builds the live map. $(how node)" ;;
        chromium) echo "chromium is missing: tests that look at notebooks and maps are skipped. $(how chromium)" ;;
        mvn) echo "mvn is missing: tests of live suggestions from Kafka are skipped. $(how mvn)" ;;
        versitygw) echo "versitygw is missing: tests at it are skipped. ./bootstrap.sh --tests builds it where Go is" ;;
        java) echo "java is missing or old: 17 or later runs Spark. $(how java)" ;;
        ps | ss) echo "$1 is missing: the tests of clusters look at processes and sockets. $(how "$1")" ;;
        useradd | setpriv | pam | system-python)
            echo "$1 is missing: the test of a JupyterHub with two accounts is skipped. $(how "$1")"
            ;;
        shellcheck) echo "shellcheck is missing: reads the scripts of the nodes. $(how shellcheck)" ;;
        *) echo "$1 is missing: part of make check. Run: rustup component add $1" ;;
    esac
}

how() {
    [ -n "$(manager)" ] || { echo "Install it with your system's package manager."; return; }
    echo "As root: $(manager) install $(package_of "$1")"
}

package_of() {
    case "$(manager):$1" in
        apt-get:cc) echo gcc libc6-dev ;;
        *:cc) echo gcc ;;
        apt-get:python) echo python3 python3-venv ;;
        dnf:python) echo python3.11 ;;
        *:python) echo python3 ;;
        apt-get:curl) echo curl ca-certificates ;;
        apt-get:chromium) echo chromium fonts-dejavu-core ;;
        *:chromium) echo chromium ;;
        *:node) echo nodejs npm ;;
        apt-get:java) echo openjdk-17-jre-headless ;;
        dnf:java) echo java-17-amazon-corretto-headless ;;
        apt-get:ss) echo iproute2 ;;
        dnf:ss) echo iproute ;;
        apt-get:ps) echo procps ;;
        dnf:ps) echo procps-ng ;;
        apt-get:useradd) echo passwd ;;
        *:mvn) echo maven ;;
        dnf:useradd) echo shadow-utils ;;
        *:setpriv) echo util-linux ;;
        apt-get:pam) echo login libpam-modules ;;
        dnf:pam) echo util-linux pam ;;
        apt-get:system-python) echo python3 python3-venv ;;
        dnf:system-python) echo python3 ;;
        dnf:shellcheck) echo ShellCheck ;;
        *:git | *:make | *:curl | *:shellcheck) echo "$1" ;;
    esac
}

manager() {
    for name in apt-get dnf; do
        if command -v "$name" >/dev/null; then echo "$name"; return; fi
    done
}

find_python() {
    for name in "${FOOTFALL_PYTHON:-python3.11}" python3.11 python3.12 python3.13 python3.10 python3.9 python3; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    return 1
}

rust_needed() { sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml; }

# at_least NEEDED FOUND
at_least() { [ -n "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

versions() { echo "$("$(find_python)" --version), $(cargo --version | cut -d' ' -f1,2)"; }

# A node of a cluster. This file alone is there at first: it fetches the wheelhouse, checks it by the hash in its name
# and by its manifest, and goes on with the project's own files in it. Below FOOTFALL_ROOT instead of / if that is set.
make_node() {
    [ $# -gt 1 ] || { echo "bootstrap.sh: $1 what? A folder, or s3://BUCKET/GROUP/.../HASH" >&2; exit 2; }
    root=${FOOTFALL_ROOT:-}
    [ "$(id -u)" = 0 ] || [ -n "$root" ] || exec sudo -n --preserve-env=AWS_ENDPOINT_URL,AWS_REGION bash "$this" "$@"
    place=${2%/} base=$root/opt/footfall
    start_log "$@"
    fetch
    check_wheelhouse
    unpack
    "$base/node/deploy/aws/node/install.sh" "$wheelhouse" "$1" "${@:3}"
}

# All that is said stands in a file of the node, too, and by the end, good or bad, in the folder of the run.
start_log() {
    run=$(option --run "$@")
    mkdir -p "$base" "$root/var/log/footfall"
    log=$root/var/log/footfall/bootstrap-$(date -u +%Y%m%dT%H%M%SZ).log
    exec > >(tee -a "$log") 2>&1
    trap 'echo "bootstrap.sh: line $LINENO: $BASH_COMMAND: exit code $?" >&2' ERR
    trap 'keep_log $?' EXIT
}

# option NAME ARGUMENTS...: what follows the name among them.
option() {
    name=$1
    while shift && [ $# -gt 1 ]; do [ "$1" != "$name" ] || { echo "${2%/}"; return; }; done
}

keep_log() {
    verdict="FAILED, exit code $1,"
    [ "$1" != 0 ] || verdict="done"
    echo "bootstrap.sh: $verdict after $SECONDS s; log: $log"
    case "$run" in s3://*) ;; *) return 0 ;; esac
    path=${run#s3://}/logs/$(uname -n)-${log##*/}
    s3 s3api put-object --bucket "${path%%/*}" --key "${path#*/}" --body "$log" --if-none-match '*' >/dev/null ||
        echo "bootstrap.sh: the log is not in s3://$path; is aws older than 2.17.36, or may this node not write there?" >&2
}

fetch() {
    wheelhouse=$base/wheelhouse
    case "$place" in s3://*) ;; *) wheelhouse=$(cd "$place" && pwd); return ;; esac
    [ -z "$(hash_in_name)" ] || [ "$place" != "$(cat "$base/.wheelhouse" 2>/dev/null)" ] || return 0
    command -v aws >/dev/null || stop "aws is missing: it fetches $place. EMR and Amazon Linux have it; elsewhere install \
the AWS CLI, or copy the wheelhouse here and name the folder"
    rm -rf "$wheelhouse" "$wheelhouse.new" "$base/.wheelhouse"
    s3 s3 cp --recursive --only-show-errors "$place/" "$wheelhouse.new"
    [ -d "$wheelhouse.new" ] || stop "$place: there is nothing; footfall cluster up puts the wheelhouse there"
    mv "$wheelhouse.new" "$wheelhouse"
    echo "$place" >"$base/.wheelhouse"
}

s3() { aws ${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"} "$@"; }

# The name of the place has the manifest's hash, and the manifest has those of all other files.
check_wheelhouse() {
    [ -f "$wheelhouse/manifest" ] || stop "$place: no manifest, so it is no wheelhouse; make wheelhouse makes one"
    wanted=$(hash_in_name) found=$(sha256sum <"$wheelhouse/manifest" | cut -c1-16)
    [ "${wanted:-$found}" = "$found" ] || damaged "the manifest's hash is $found"
    (cd "$wheelhouse" && grep -v '^#' manifest | sha256sum --check --strict --quiet) || damaged "see the file named above"
}

damaged() {
    rm -f "$base/.wheelhouse"
    stop "$place: these are not the bytes that it was made of: $1. Nothing was installed; make wheelhouse and upload it anew"
}

hash_in_name() { echo "${place##*[/-]}" | grep -xE '[0-9a-f]{16}' || true; }

stop() {
    echo "bootstrap.sh: $1" >&2
    exit 1
}

unpack() {
    wanted=$(sha256sum <"$wheelhouse/node.tar.gz")
    [ "$wanted" != "$(cat "$base/.node" 2>/dev/null)" ] || return 0
    rm -rf "$base/node" "$base/.node"
    mkdir "$base/node"
    tar -xzf "$wheelhouse/node.tar.gz" -C "$base/node" --no-same-owner
    echo "$wanted" >"$base/.node"
}

main "$@"
