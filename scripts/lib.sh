# Shared by the scripts: what they need on a fresh Debian machine. Sourced, not run.

# Debian's PostgreSQL server, for the tests that run on it. Installing needs root.
need_postgresql() {
  if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then return; fi
  echo "installing PostgreSQL from Debian's packages"
  apt_install postgresql
}

apt_install() {
  local sudo=""
  if [ "$(id -u)" -ne 0 ]; then sudo="sudo"; fi
  # The package would start a cluster of its own; the tests start private ones.
  export DEBIAN_FRONTEND=noninteractive
  $sudo mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo "create_main_cluster = false" | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
  $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends "$@"
}

# need_venv FOLDER PACKAGE…: a virtual environment below target/clients with these packages of PyPI, pinned.
need_venv() {
  local venv="$PWD/target/clients/$1"
  shift
  if [ -e "$venv/complete" ]; then return; fi
  local python
  python=$(pick_python) || { echo "Python 3.11 or newer is needed"; exit 1; }
  rm -rf "$venv"
  "$python" -m venv "$venv" 2>/dev/null || { apt_install python3-venv && "$python" -m venv "$venv"; }
  "$venv/bin/pip" install --quiet --disable-pip-version-check "$@"
  touch "$venv/complete"
}

# The uipath client, for the tests of the main job.
UIPATH_VERSION="2.14.44"
need_uipath() {
  need_venv "uipath-$UIPATH_VERSION" "uipath==$UIPATH_VERSION"
  export BANDMASTER_TEST_UIPATH="$PWD/target/clients/uipath-$UIPATH_VERSION/bin/uipath"
}

# A published OAuth library, for the tests of sign-in.
AUTHLIB_VERSION="1.9.10" REQUESTS_VERSION="2.34.2"
need_authlib() {
  need_venv "authlib-$AUTHLIB_VERSION" "authlib==$AUTHLIB_VERSION" "requests==$REQUESTS_VERSION"
  BANDMASTER_TEST_AUTHLIB="$PWD/target/clients/authlib-$AUTHLIB_VERSION/bin/python"
}

pick_python() {
  local name
  for name in python3.13 python3.12 python3.11 python3; do
    if command -v "$name" >/dev/null 2>&1 && "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  return 1
}
