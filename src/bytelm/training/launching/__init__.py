"""Runs on a cluster: Slurm, or processes of this machine, by submitit.

``submit`` leaves a pickled ``TrainingJob`` in OUT/launch and asks for machines. On each of them submitit unpickles it
and calls it, once for a process. It says by torchrun's variables which process it is, and trains. What happens when
the job is interrupted:

1. Slurm sends USR2 to all processes some time before the job's time is up (``#SBATCH --signal``), and SIGTERM where
   the job is preempted. ``JobSign`` remembers it and returns: a handler runs between any two lines of Python, where no
   process may begin to talk to others.
2. Behind each step the processes agree on whether any of them was told so. If so, all of them save one checkpoint, and
   training returns. That takes a step, perhaps a validation, and a checkpoint: ``notice`` must be longer.
3. The first process hands over to the handler that submitit had set for USR2 before it called us. That one counts how
   often time was up, writes the job down again, has it requeued (``scontrol requeue``) and leaves the process.
4. The requeued job is the same call. Training goes on from the newest checkpoint, and ends with the same weights.

Before the first step is made there is nothing to save, and that may take longer than any notice: data are prepared,
networks compiled. So until then the first process does not wait for a step, and requeues at once.

Nothing is requeued that has finished, failed, or was told to stop: by SIGINT (``scancel --signal=INT JOB``) and by
``scancel JOB``, whose SIGTERM is that of a preemption, but for which Slurm does not call the job RUNNING any more.
Where Slurm requeues by itself, as it does when a node fails, it does not call it so either.
"""
