# shellcheck shell=bash
# shellcheck disable=SC2154 # root, venv, python: set by spark-submit.sh; the rest by prepare.sh
# .venv and the pinned packages in it. Sourced by prepare.sh.

# uv does not read pip's settings: an index, a folder of wheels or a certificate that the user gave to pip counts for it too.
use_pip_settings() {
  local settings
  settings=$("$1" -m pip config list 2>/dev/null || true)
  translate index-url UV_DEFAULT_INDEX "$settings"
  translate extra-index-url UV_INDEX "$settings"
  translate find-links UV_FIND_LINKS "$settings"
  translate cert SSL_CERT_FILE "$settings"
  translate no-index UV_NO_INDEX "$settings"
  export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1} UV_HTTP_TIMEOUT=${UV_HTTP_TIMEOUT:-180}
  export UV_PYTHON_DOWNLOADS=never
}

# translate PIP_NAME UV_NAME SETTINGS: the last line wins, as with pip, whose list ends with the environment's.
translate() {
  local value
  value=$(sed -n "s/^[^=]*\.$1='\(.*\)'\$/\1/p" <<<"$3" | tail -n 1)
  if [[ -n $value && -z ${!2-} ]]; then
    export "$2=$value"
  fi
}

make_venv() {
  if [[ -e $venv/incomplete ]] || is_moved || ! is_python "$python"; then
    rm -rf -- "${venv:?}/bin" "${venv:?}/lib" "${venv:?}/lib64" "${venv:?}/include" "${venv:?}/share" "$venv/pyvenv.cfg"
  fi
  if ! { [[ -x $python ]] && "$python" -m pip --version; }; then
    touch "$venv/incomplete"
    "$1" -m venv "$venv"
  fi
}

# Its programs name the folder that they were installed in.
is_moved() {
  [[ -e $venv/prepared && $(head -n 1 "$venv/prepared") != "$root" ]]
}

# Packages that were cut off half-way may look installed, so the mark stays until all of them are there.
install_packages() {
  touch "$venv/incomplete"
  "$python" -m pip install --disable-pip-version-check "uv==$(pinned uv)"
  # The list is the whole resolved set, so nothing is to be resolved; Horovod is built for this machine instead.
  grep -v '^horovod==' "$root/constraints.txt" | uv_pip install --no-deps --requirements -
  uv_pip install --no-deps --no-build-isolation --editable "$root"
  rm -f -- "$venv/incomplete"
}

uv_pip() {
  "$venv/bin/uv" pip "$@" --python "$python"
}

pinned() {
  sed -n "s/^$1==//p" "$root/constraints.txt"
}
