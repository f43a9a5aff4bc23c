# shellcheck shell=bash
# shellcheck disable=SC2034 # cuda_told: used by prepare.sh
# Whether Horovod can be built for this machine's GPUs: what that takes, where it is, and what is missing. Sourced by horovod.sh.

# Set by find_cuda: flags for Horovod's build, and for the user what it is built for and why.
cuda_flags=()
cuda_told=

# It takes a GPU, the CUDA toolkit and NCCL's headers; INVOICELAKE_GPU=off builds for processors all the same.
find_cuda() {
  local cuda nccl
  cuda_flags=()
  if [[ ${INVOICELAKE_GPU-} == off ]]; then
    cuda_told='for processors: INVOICELAKE_GPU=off'
  elif ! sees_gpu; then
    cuda_told='for processors: no GPU is here'
  elif ! cuda=$(home_of bin/nvcc "${HOROVOD_CUDA_HOME-}" "${CUDA_HOME-}" /usr/local/cuda); then
    cuda_told='for processors: a GPU is here, but no CUDA toolkit (bin/nvcc) in CUDA_HOME or /usr/local/cuda'
  elif ! nccl=$(home_of include/nccl.h "${HOROVOD_NCCL_HOME-}" "$cuda" /usr); then
    cuda_told='for processors: a GPU is here, but no NCCL (include/nccl.h) in HOROVOD_NCCL_HOME, the CUDA toolkit or /usr'
  else
    cuda_flags=(HOROVOD_GPU=CUDA HOROVOD_GPU_OPERATIONS=NCCL "HOROVOD_CUDA_HOME=$cuda" "HOROVOD_NCCL_HOME=$nccl")
    cuda_told="for GPUs, over NCCL: CUDA in $cuda, NCCL in $nccl"
  fi
}

sees_gpu() {
  has nvidia-smi && nvidia-smi -L 2>/dev/null | grep -q '^GPU [0-9]'
}

# home_of FILE FOLDER...: the first folder that holds the file.
home_of() {
  local file=$1 home
  shift
  for home in "$@"; do
    if [[ -n $home && -e $home/$file ]]; then
      printf '%s\n' "$home"
      return
    fi
  done
  return 1
}

# What a wheel for GPUs is built from beside its flags: a newer toolkit or NCCL needs another wheel.
cuda_versions() {
  local flag
  for flag in ${cuda_flags[@]+"${cuda_flags[@]}"}; do
    case $flag in
      HOROVOD_CUDA_HOME=*) "${flag#*=}/bin/nvcc" --version | tail -n 1 ;;
      HOROVOD_NCCL_HOME=*) grep -E '^#define NCCL_(MAJOR|MINOR|PATCH) ' "${flag#*=}/include/nccl.h" ;;
    esac
  done
}
