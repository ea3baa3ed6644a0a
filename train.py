"""Train one network, or search for one.

    python train.py                                   train the default network on the embedded images
    python train.py +search=inception_cell            search a space; the same command continues the study
    python train.py architecture=googlenet            train a published network
    python train.py architecture=studies/NAME/best.yaml [test=true]
                                                      train what a search found
    python train.py architecture=inception_v3 weights=FILE data=image_folder data.path=DIR data.size=299
                                                      fine-tune a network on your images

Anything of the configuration can be set: study.trials=50 data=npz data.path=FILE trainer.max_epochs=30 tracking=none
training.lr=0.01 search.architecture.cells.normal.depth=2; `--help` lists what there is.
"""

from nas.command import main

if __name__ == "__main__":
    raise SystemExit(main(usage=__doc__))
