#!/usr/bin/env bash
# One run over all GPUs of a SLURM job: one task per GPU, as JAX expects there. Options are those
# of main.py; the workdir and the data must be on a disk that all nodes share.
#
#   sbatch --nodes=8 launch/slurm.sh \
#     --config=configs/onenoise/pretrain_1m.py --workdir=/shared/runs/pretrain
#
# Two minutes before its time is up the job is told to stop: it saves, and the same command goes
# on from there. PYTHON names another interpreter.
#
#SBATCH --job-name=onenoise
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=4
#SBATCH --signal=TERM@120
set -euo pipefail
exec srun "${PYTHON:-python}" main.py --distributed=auto "$@"
