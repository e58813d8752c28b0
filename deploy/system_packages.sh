# shellcheck shell=sh
# System packages by apt-get or dnf, for the scripts that install a hub or a node. They bring `step` and `fail`.

install_system_packages() {
    [ $# -gt 0 ] || return 0
    step "system packages: $*"
    case "$(manager)" in
        apt-get) apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" ;;
        dnf) dnf install -y "$@" ;;
        *) fail "neither apt-get nor dnf is here; install by hand: $*" ;;
    esac
}

manager() {
    for name in apt-get dnf; do
        if command -v "$name" >/dev/null; then echo "$name"; return; fi
    done
    echo none
}

# package_of TOOL, or package_of python VERSION.
package_of() {
    case "$(manager):$1" in
        dnf:python) echo "python$2" ;;
        *:python) echo python3 python3-venv ;;
        dnf:useradd) echo shadow-utils ;;
        *:useradd) echo passwd ;;
        dnf:java) echo java-17-amazon-corretto-headless ;;
        *:java) echo openjdk-17-jre-headless ;;
        *:setpriv) echo util-linux ;;
    esac
}
