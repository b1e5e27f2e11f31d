"""What people and programs do with the product, in folders like its packages."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
