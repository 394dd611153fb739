import sys

from gmsa_training.cli import main

sys.exit(main())
