"""``python -m bytelm`` is the command ``bytelm``."""

import sys

from bytelm.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
