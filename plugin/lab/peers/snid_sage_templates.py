"""Make templates of SNID-SAGE from arrays of spectra at rest. Run by SNID-SAGE's own Python, and by nothing else.

python snid_sage_templates.py ARRAYS.npz FOLDER
"""

import sys
from pathlib import Path

import numpy as np


def main(arrays: Path, folder: Path) -> None:
    """Flatten each spectrum as SNID-SAGE flattens what it is asked about, and store it in its own format."""
    from snid_sage.interfaces.template_manager.services.template_service import TemplateService
    from snid_sage.snid.snid import preprocess_spectrum

    given, service, made = np.load(arrays), TemplateService(), 0
    folder.mkdir(parents=True)
    columns = (given[name] for name in ("name", "type", "subtype", "age", "flux"))
    for name, kind, subtype, age, flux in zip(*columns, strict=True):
        known = np.isfinite(flux)
        spectrum = (given["wavelength"][known].astype(float), flux[known].astype(float))
        try:
            found, _ = preprocess_spectrum(input_spectrum=spectrum, verbose=False)
        except Exception as error:  # too short for its grid, say
            print(f"{name}: {error}", file=sys.stderr)
            continue
        about = {"name": str(name), "ttype": str(kind), "subtype": str(subtype), "age": float(age), "redshift": 0.0}
        made += service.add_template_from_arrays(
            **about, wave=found["log_wave"], flux=found["flat_flux"], target_dir=folder
        )
    (folder / "template_index.user.json").rename(folder / "template_index.json")
    print(made)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
