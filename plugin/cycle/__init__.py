"""What one cycle does with spectra and objects: find, claim, guard, file, deliver, park."""
