"""Where the networks compute, and in which precision: the same for bytelm and for what it is measured against."""

from dataclasses import dataclass

DTYPES = ("float32", "bfloat16", "float16")


@dataclass(frozen=True)
class Hardware:
    """A device of torch and a type of numbers.

    Attributes:
        device: as torch names it.
        dtype: one of ``DTYPES``.
    """

    device: str = "cpu"
    dtype: str = "float32"

    def check(self) -> None:
        """Refuse a device that is not here.

        Raises:
            ValueError: torch cannot compute on it.
        """
        import torch

        try:
            torch.empty(1, device=self.device)
        except (RuntimeError, AssertionError) as error:
            first = str(error).splitlines()[0]
            raise ValueError(f"torch cannot compute on device {self.device!r}: {first}; cpu is always there") from error

    def settle(self) -> None:
        """Wait until all that was asked of the device is done; without this its clock would be read too early."""
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.synchronize()


CPU = Hardware()
"""What every figure is measured on unless something else is asked for."""
