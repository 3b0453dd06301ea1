"""The fifteen sets of ELEVATER's image classification suite, and any set packed or laid out like them."""

from __future__ import annotations

from .spec import NOTHING, DatasetSpec, plain

TOOLKIT = "https://github.com/Computer-Vision-in-the-Wild/Elevater_Toolkit_IC"
SUITE = "Li et al., ELEVATER: A Benchmark and Toolkit for Evaluating Language-Augmented Visual Models, NeurIPS 2022"
REGISTRY = ("resources/|datasets/|vision_datasets.json",)
NOTE = (
    "Read from ELEVATER's index and archives (`archive.zip@path label` with the label map that the registry names, or that lies "
    "beside the index), else from the publisher's own files, "
    "else from class folders. At most 32 pictures a class (option per_class). "
    "Wikipedia, WordNet and GPT-3 texts are joined where their files lie under the root."
)


def elevater_row(
    name: str,
    title: str,
    registry: str,
    folder: str,
    layout: str,
    original: tuple[str, ...],
    pool: str,
    licence: str,
    homepage: str,
    citation: str,
    splits: tuple[str, ...] = ("train", "val", "test"),
    values: dict[str, dict[str, str]] | None = None,
    index: tuple[str, ...] = ("{split}.txt",),
    notes: str = "",
) -> DatasetSpec:
    """A row of the suite.

    `registry` is the toolkit's name of the set, `layout` and `original` the publisher's own files.
    """
    return DatasetSpec(
        name=f"elevater-{name}",
        title=title,
        task="classification",
        format="elevater",
        files={
            "index": tuple(f"classification/|{folder}/|{file}" for file in index),
            "original": original,
            "registry": REGISTRY,
            "wiki": (f"resources/|knowledge/|external/|{registry}_knowledge.tsv",),
            "gpt3": (f"resources/|knowledge/|gpt3/|GPT3_{registry}.tsv",),
        },
        optional=("index", "original", "registry", "wiki", "gpt3"),
        splits={split: (values or {}).get(split, NOTHING) for split in splits},
        options={"label_pool": pool, "original": layout},
        paper_samples=21_772,
        group="ELEVATER-IC",
        licence=licence,
        homepage=homepage,
        citation=f"{citation}; {SUITE}",
        notes=f"{notes} {NOTE}".strip(),
    )


def _folder(name: str, date: str = "20211007") -> str:
    return f"{name.replace('-', '_')}_{date}"


ROWS = (
    DatasetSpec(
        name="elevater",
        title="ELEVATER-IC packaging, any set",
        task="classification",
        format="elevater",
        files={
            "index": (
                "{split}.txt",
                "{split}_ic.txt",
                "{split}_images.txt",
                "{split}.json",
                "classification/*/{split}.txt",
                "*/{split}.txt",
            ),
            "registry": REGISTRY,
            "wiki": ("resources/|knowledge/|external/*_knowledge.tsv", "*_knowledge.tsv"),
            "gpt3": ("resources/|knowledge/|gpt3/GPT3_*.tsv", "GPT3_*.tsv"),
        },
        optional=("index", "registry", "wiki", "gpt3"),
        splits=plain("train", "val", "test"),
        licence="each set's own; toolkit MIT",
        homepage=TOOLKIT,
        citation=SUITE,
        notes=f"For sets beside the fifteen. {NOTE}",
    ),
    elevater_row(
        "fer-2013", "FER-2013", "fer-2013", _folder("fer-2013", "20211008"), "fer",
        ("fer2013/|fer2013.csv", "{split}.csv"), "label_face",
        "Kaggle's terms", "https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge",
        "Goodfellow et al., Challenges in Representation Learning, ICONIP 2013",
        notes="The index orders the classes unlike the Kaggle release; names come from the label map beside it.",
    ),
    elevater_row(
        "cifar-10", "CIFAR-10", "cifar-10", _folder("cifar-10"), "cifar", ("cifar-10-batches-py/|{batch}",), "label",
        "none stated", "https://www.cs.toronto.edu/~kriz/cifar.html",
        "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        splits=("train", "test"), values={"train": {"batch": "data_batch_#"}, "test": {"batch": "test_batch"}},
    ),
    elevater_row(
        "eurosat", "EuroSAT", "eurosat_clip", "eurosat_clip_20210930", "folders", ("EuroSAT/|2750/*/*.jpg",), "label_aerial",
        "MIT", "https://github.com/phelber/EuroSAT",
        "Helber et al., EuroSAT, JSTARS 2019", notes="The publisher's folders have no splits: all is train.",
    ),
    elevater_row(
        "mnist", "MNIST", "mnist", _folder("mnist", "20211008"), "mnist",
        ("MNIST/|raw/|{batch}-images-idx3-ubyte.gz", "MNIST/|raw/|{batch}-images-idx3-ubyte", "MNIST/|raw/|{batch}-images.idx3-ubyte"),
        "label_digit", "CC BY-SA 3.0", "http://yann.lecun.com/exdb/mnist/", "LeCun et al., Gradient-Based Learning, 1998",
        splits=("train", "test"), values={"train": {"batch": "train"}, "test": {"batch": "t10k"}},
    ),
    elevater_row(
        "voc-2007", "PASCAL VOC 2007 classification", "voc-2007-classification", _folder("voc2007"), "voc",
        ("VOCdevkit/|VOC2007/|ImageSets/Main/*_{split}.txt",), "label",
        "Flickr's terms", "http://host.robots.ox.ac.uk/pascal/VOC/voc2007/", "Everingham et al., The PASCAL VOC Challenge, IJCV 2010",
        index=("{split}_ic.txt", "{split}.txt"), notes="Several labels a picture; it counts for the first.",
    ),
    elevater_row(
        "oxford-pets", "Oxford-IIIT Pets", "oxford-iiit-pets", _folder("oxford-iiit-pets"), "pets",
        ("annotations/|{list}.txt",), "label_pet", "CC BY-SA 4.0", "https://www.robots.ox.ac.uk/~vgg/data/pets/",
        "Parkhi et al., Cats and Dogs, CVPR 2012",
        splits=("train", "test"), values={"train": {"list": "trainval"}, "test": {"list": "test"}},
    ),
    elevater_row(
        "gtsrb", "GTSRB", "gtsrb", _folder("gtsrb", "20210923"), "gtsrb",
        ("GTSRB/|{file}", "GTSRB/|{other_file}"), "label_sign", "free to use", "https://benchmark.ini.rub.de",
        "Stallkamp et al., Man vs. Computer, Neural Networks 2012",
        values={
            "train": {"file": "Training/*/GT-*.csv", "other_file": "Final_Training/Images/*/GT-*.csv"},
            "val": {"file": "Validation/*/GT-*.csv", "other_file": "Validation/Images/*/GT-*.csv"},
            "test": {"file": "Final_Test/Images/GT-final_test.csv", "other_file": "GT-final_test.csv"},
        },
    ),
    elevater_row(
        "resisc-45", "NWPU-RESISC45", "resisc45_clip", "resisc45_clip_20210924", "folders", ("NWPU-RESISC45/*/*.jpg",), "label_aerial",
        "none stated", "https://gcheng-nwpu.github.io", "Cheng et al., Remote Sensing Image Scene Classification, Proc. IEEE 2017",
        index=("{split}.json", "{split}.txt"), notes="The publisher's folders have no splits: all is train.",
    ),
    elevater_row(
        "dtd", "DTD", "dtd", _folder("dtd"), "dtd", ("dtd/|labels/|{split}1.txt",), "label_texture",
        "research use", "https://www.robots.ox.ac.uk/~vgg/data/dtd/", "Cimpoi et al., Describing Textures in the Wild, CVPR 2014",
    ),
    elevater_row(
        "cifar-100", "CIFAR-100", "cifar-100", "cifar100_20200721", "cifar", ("cifar-100-python/{split}",), "label",
        "none stated", "https://www.cs.toronto.edu/~kriz/cifar.html",
        "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        splits=("train", "test"), index=("{split}_images.txt", "{split}.txt"),
    ),
    elevater_row(
        "fgvc-aircraft", "FGVC-Aircraft 2013b", "fgvc-aircraft-2013b-variants102", _folder("fgvc-aircraft-2013b-variants102"), "aircraft",
        ("fgvc-aircraft-2013b/|data/|images_variant_{split}.txt",), "label_aircraft",
        "non-commercial research", "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/",
        "Maji et al., Fine-Grained Visual Classification of Aircraft, 2013", notes="100 classes, whatever the name says.",
    ),
    elevater_row(
        "food-101", "Food-101", "food-101", _folder("food-101"), "food", ("food-101/|meta/|{split}.json", "food-101/meta/{split}.txt"),
        "label_food", "not stated", "https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/",
        "Bossard et al., Food-101, ECCV 2014", splits=("train", "test"),
    ),
    elevater_row(
        "caltech-101", "Caltech-101", "caltech-101", _folder("caltech-101"), "folders",
        ("caltech-101/|101_ObjectCategories/*/image_*.jpg",), "label", "CC BY 4.0", "https://data.caltech.edu/records/mzrjq-6wc02",
        "Fei-Fei et al., One-Shot Learning of Object Categories, PAMI 2006",
        splits=("train", "test"), notes="The publisher's folders have no splits: all is train.",
    ),
    elevater_row(
        "oxford-flowers", "Oxford Flowers-102", "oxford-flower-102", _folder("oxford-flower-102"), "flowers",
        ("flowers-102/|setid.mat",),
        "label_flower", "not stated", "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/",
        "Nilsback and Zisserman, Automated Flower Classification, ICVGIP 2008",
        notes="The publisher numbers its classes; the names are those in common use.",
    ),
    elevater_row(
        "stanford-cars", "Stanford Cars", "stanford-cars", _folder("stanford-cars"), "cars",
        ("devkit/|cars_{split}_annos_withlabels.mat", "devkit/cars_{split}_annos.mat", "cars_{split}_annos.mat", "cars_annos.mat"),
        "label_car", "research use", "https://ai.stanford.edu/~jkrause/cars/car_dataset.html (gone)",
        "Krause et al., 3D Object Representations for Fine-Grained Categorization, 3DRR 2013", splits=("train", "test"),
    ),
)  # fmt: skip
