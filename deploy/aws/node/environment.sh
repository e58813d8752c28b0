# shellcheck shell=bash disable=SC2154
# System packages, a virtual environment of our own, and all packages of the wheelhouse's lock in it.

# The system's Python makes the environment and is otherwise left alone. EMR brings its own Spark and Java.
system_packages() {
    wanted=""
    find_python >/dev/null || wanted=$(package_of python "$(python_version)")
    command -v useradd >/dev/null || wanted="$wanted $(package_of useradd)"
    command -v setpriv >/dev/null || wanted="$wanted $(package_of setpriv)"
    [ -n "$emr" ] || command -v java >/dev/null || wanted="$wanted $(package_of java)"
    # shellcheck disable=SC2086 # one word per package
    install_system_packages $wanted
}

# Wheels of a wheelhouse are for one Python.
python_version() { sed -n 's/^# python \([0-9.]*\)$/\1/p' "$wheelhouse/manifest"; }

find_python() {
    for name in "python$(python_version)" python3; do
        if "$name" -c "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$(python_version)')" \
            2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

environment() {
    [ -n "$(python_version)" ] || fail "$wheelhouse/manifest does not say for which Python it is (# python 3.11)"
    [ ! -x "$prefix/bin/pip" ] || return 0
    python=$(find_python) || fail "there is no Python $(python_version) with venv, for which the wheelhouse is"
    step "environment in $prefix, of $python"
    "$python" -m venv "$prefix"
}

# No index, no package that the lock does not name, no byte that it does not know.
packages() {
    lock=$(mktemp)
    our_lock >"$lock"
    if [ "$(sha256sum <"$lock")" != "$(cat "$prefix/.lock" 2>/dev/null)" ]; then
        step "$(grep -c '==' "$lock") packages"
        rm -f "$prefix/.lock"
        "$prefix/bin/pip" install --quiet --disable-pip-version-check --no-cache-dir --root-user-action=ignore \
            --no-compile --no-index --no-deps --find-links "$wheelhouse" --require-hashes --requirement "$lock" ||
            fail "pip refused the wheelhouse $wheelhouse, as above; its requirements.lock names what it must hold"
        # By all cores, and without the tests of packages: pip would take twice as long. The account cannot write here.
        "$prefix/bin/python" -m compileall -q -j 0 -x '/tests?/|/lib2to3/' "$(site_packages)" || true
        sha256sum <"$lock" >"$prefix/.lock"
    fi
    rm "$lock"
}

site_packages() { "$prefix/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

# EMR's Spark comes with its own pyspark, and another beside it would not fit.
our_lock() {
    if [ -z "$emr" ]; then cat "$wheelhouse/requirements.lock"; return; fi
    awk '/^[A-Za-z0-9]/ { keep = !/^(pyspark|py4j)[^A-Za-z0-9._-]/ } keep' "$wheelhouse/requirements.lock"
}

# EMR installs its Spark after the bootstrap actions, so that nothing of it is there yet.
spark_of_emr() {
    [ -n "$emr" ] || return 0
    write 644 "$(site_packages)/emr-spark.pth" <<'PTH'
import glob, sys; sys.path += ["/usr/lib/spark/python", *glob.glob("/usr/lib/spark/python/lib/py4j-*-src.zip")]
PTH
}

# What a notebook, and whoever logs in, must know of the cluster: NAME=VALUE, a line each.
variables() {
    echo "FOOTFALL_CLUSTER_CREDENTIALS=$settings/credentials"
    [ "$role" = image ] || echo "FOOTFALL_DASK=dask+tls://$primary:$dask_port"
    case "$run" in s3://*/*/*) echo "FOOTFALL_WORKSPACE=$(echo "$run" | cut -d/ -f1-4)" ;; esac
    [ -z "${AWS_ENDPOINT_URL:-}" ] || echo "AWS_ENDPOINT_URL=$AWS_ENDPOINT_URL"
    [ -z "${AWS_REGION:-}" ] || echo "AWS_REGION=$AWS_REGION"
    echo "PYSPARK_PYTHON=$prefix/bin/python"
    [ -n "$emr" ] || [ -z "${address:-}" ] || echo "SPARK_LOCAL_IP=$address"
    # HDFS and YARN know EMR's user hadoop, and ask for no proof.
    [ -z "$emr" ] || printf '%s\n' SPARK_HOME=/usr/lib/spark HADOOP_CONF_DIR=/etc/hadoop/conf HADOOP_USER_NAME=hadoop
}

kernel() {
    variables | "$prefix/bin/python" "$here/kernel.py"
    variables | sed 's/^/export /' | write 644 "$root/etc/profile.d/footfall.sh"
}
