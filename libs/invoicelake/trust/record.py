"""What is known of how far one model version can be believed, kept as JSON beside its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from invoicelake.errors import JobError
from invoicelake.trust.calibration import Calibration

FILE_NAME = "trust.json"
_FORM = 1


class TrustError(JobError):
    """A record that cannot be used: what was found and what was expected."""


@dataclass(frozen=True)
class TrustRecord:
    """What held-out documents showed of a model version.

    Attributes:
        model_name: registered model.
        model_version: of it.
        calibrations: of each field that was read in a held-out document.
        unknown_shares: of the held-out documents, the share of words that training did not know; rising.
    """

    model_name: str
    model_version: int
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)
    unknown_shares: tuple[float, ...] = ()

    def save(self, folder: str | Path) -> Path:
        """Write the record into a folder, over one that is there."""
        file = Path(folder) / FILE_NAME
        held = {
            "form": _FORM,
            "model_name": self.model_name,
            "model_version": self.model_version,
            "calibrations": {name: each.to_dict() for name, each in self.calibrations.items()},
            "unknown_shares": list(self.unknown_shares),
        }
        file.write_text(json.dumps(held, indent=1), encoding="utf-8")
        return file

    @classmethod
    def load(cls, folder: str | Path, model_name: str, model_version: int) -> TrustRecord | None:
        """The record in a folder; None where there is none.

        Raises:
            TrustError: it is damaged, or of another model version.
        """
        file = Path(folder) / FILE_NAME
        if not file.is_file():
            return None
        try:
            held = json.loads(file.read_text(encoding="utf-8"))
            found = cls(
                str(held["model_name"]),
                int(held["model_version"]),
                {str(name): Calibration.from_dict(each) for name, each in held["calibrations"].items()},
                tuple(sorted(float(share) for share in held["unknown_shares"])),
            )
            form = held["form"]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise TrustError(
                f"no readable record of trust in {file}: {type(error).__name__}: {error}"
            ) from error
        if (form, found.model_name, found.model_version) != (_FORM, model_name, model_version):
            raise TrustError(
                f"{file} is of {found.model_name} version {found.model_version}, form {form}; expected "
                f"{model_name} version {model_version}, form {_FORM}: run evaluate_extractor"
            )
        return found
