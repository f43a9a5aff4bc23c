# shellcheck shell=bash
# shellcheck disable=SC2154 # root, venv, python: set by spark-submit.sh; cache, scratch: by prepare.sh
# Horovod, of which there are no wheels: built once for all clones of a user. Sourced by prepare.sh.

# shellcheck source=scripts/cuda.sh
. "$root/scripts/cuda.sh"

# For TensorFlow alone, over Gloo; `cuda_flags` come on top where GPUs are to exchange what they hold.
readonly HOROVOD_FLAGS=(
  HOROVOD_WITH_TENSORFLOW=1
  HOROVOD_WITHOUT_PYTORCH=1
  HOROVOD_WITHOUT_MXNET=1
  HOROVOD_WITHOUT_MPI=1
  HOROVOD_WITH_GLOO=1
  HOROVOD_CPU_OPERATIONS=GLOO
)

# Where its wheel is kept: a folder named by all that the wheel is built from.
horovod_folder() {
  {
    for package in horovod tensorflow setuptools cmake; do
      printf '%s %s\n' "$package" "$(pinned "$package")"
    done
    printf '%s\n' "${HOROVOD_FLAGS[@]}" ${cuda_flags[@]+"${cuda_flags[@]}"}
    cuda_versions
    "$python" -c 'import sysconfig; print(sysconfig.get_config_var("SOABI"), sysconfig.get_platform())'
    "$(compiler)" --version | sed -n 1p
    getconf GNU_LIBC_VERSION 2>/dev/null || uname -r
  } | "$python" -c 'import hashlib, sys
print(sys.argv[1] + "/wheels/horovod-" + hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])' "$cache"
}

has_wheel() {
  compgen -G "${1// /\\ }/*.whl" >/dev/null
}

install_horovod() {
  local folder=$1
  # Of two clones that need it at once, the second waits and takes what the first has built.
  exec 8>>"$folder.lock"
  lock "$python" 8
  if ! has_wheel "$folder" || ! uv_pip install --no-deps "$folder"/*.whl; then
    build_horovod "$folder"
    uv_pip install --no-deps --reinstall "$folder"/*.whl
  fi
}

build_horovod() {
  # TensorFlow tells the build its own place, so the environment is entered through a link without a space in its path.
  ln -s -- "$venv" "$scratch/venv"
  mkdir "$scratch/wheel" "$scratch/tmp"
  env "${HOROVOD_FLAGS[@]}" ${cuda_flags[@]+"${cuda_flags[@]}"} \
    TMPDIR="$scratch/tmp" MAKEFLAGS="-j$(build_jobs)" PATH="$scratch/venv/bin:$PATH" \
    "$scratch/venv/bin/python" -m pip wheel --disable-pip-version-check --no-cache-dir --no-deps --no-build-isolation \
    --no-binary horovod --wheel-dir "$scratch/wheel" "horovod==$(pinned horovod)"
  rm -rf -- "$1" "$1.new"
  mv -- "$scratch/wheel" "$1.new"
  mv -- "$1.new" "$1"
}

# A compiler takes up to 2 GB for TensorFlow's headers.
build_jobs() {
  local cores most=$(($(memory_mib) / 2000))
  cores=$(getconf _NPROCESSORS_ONLN)
  ((most >= 1)) || most=1
  echo $((cores < most ? cores : most))
}
