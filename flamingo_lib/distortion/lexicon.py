"""Word lists of the rule backend: closed-class English words, words that frame an answer, typed answers, synonyms."""

from __future__ import annotations

from .segment import stem

STOPWORDS = frozenset(
    """a an the this that these those there here it its they them their he him his she her hers we us our you your i me my mine
    is are was were be been being am do does did done doing have has had having will would shall should can could may might must
    of in on at to from by with for as into onto over under about and or but so if then than because while also too very quite
    just only both each either neither nor not no yes s t re ve ll d m who whom whose which what when where why how some any all
    isn't aren't wasn't weren't don't doesn't didn't can't cannot couldn't won't there's it's that's i'm i'd i've you'd he's she's
    up down out off again since therefore thus hence more most other such own same much many""".split()
)
"""Words that carry no answer of their own."""

_FRAME_WORDS = """image images picture pictures photo photos photograph scene scenes drawing figure view shot
    see seen look looks looking appear appears appearing seem seems shown show shows depict depicts depicted contain contains
    located placed situated found find visible present position positioned location describe described call called name named
    answer question total altogether overall carefully clearly actually indeed simply certainly definitely really basically
    colored coloured color colour colors colours shape shaped shapes object objects thing things item items one ones size sized
    count counting number exactly say tell know note notice believe think according based per regarding feature features sort
    kind type order"""
FRAME_STEMS = frozenset(stem(word) for word in _FRAME_WORDS.split())
"""Stems of words that lead to an answer but are none."""

INTRODUCING = frozenset(
    """word words number equals equal means mean gets get makes make gives give result comes come write usually normally day called
    known""".split()
)
"""Words that introduce an answer, but may stand inside one."""

PROPER = frozenset(
    """Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August September October
    November December English French German Spanish Italian Chinese Japanese Europe Asia Africa America Earth""".split()
)
"""Words that keep their capital wherever they stand."""

COLORS = frozenset(
    """red green blue yellow purple orange cyan black white gray grey brown pink violet magenta teal turquoise beige tan gold golden
    silver navy maroon olive crimson scarlet indigo cream lime""".split()
)
SIZES = frozenset(
    "small large big tiny huge little medium giant enormous massive short tall tiny bigger larger smaller".split()
)
SHAPES = frozenset(
    """circle square triangle star cross ring rectangle oval sphere cube cylinder cone pyramid hexagon pentagon diamond heart
    round spherical cubic rectangular triangular circular""".split()
)
SIDES = frozenset("left right above below top bottom front behind".split())
POSITIONS = frozenset(
    """top bottom left right center centre middle corner upper lower above below next behind front near beside under over on inside
    between edge side foreground background""".split()
)

NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
        nineteen twenty""".split()
    )
} | {"none": "0", "single": "1", "dozen": "12"}
"""Number words to digits."""

DIGITS = {digits: word for word, digits in reversed(NUMBERS.items()) if word not in ("none", "single", "dozen")}
"""Digits to number words."""

SYNONYMS: dict[str, tuple[str, ...]] = {
    "image": ("picture", "photo"),
    "picture": ("image", "photo"),
    "scene": ("view", "setting"),
    "shows": ("displays", "presents"),
    "show": ("display", "present"),
    "contains": ("has", "holds"),
    "located": ("placed", "situated"),
    "visible": ("seen", "in sight"),
    "see": ("spot", "notice"),
    "large": ("big",),
    "big": ("large",),
    "small": ("little", "tiny"),
    "many": ("numerous", "a lot of"),
    "several": ("a few", "some"),
    "person": ("human", "individual"),
    "people": ("persons", "folks"),
    "man": ("guy", "gentleman"),
    "woman": ("lady",),
    "child": ("kid",),
    "children": ("kids",),
    "object": ("thing", "item"),
    "objects": ("things", "items"),
    "appears": ("seems", "looks"),
    "seems": ("appears", "looks"),
    "yes": ("yeah", "yep"),
    "no": ("nope", "nah"),
    "good": ("nice", "fine"),
    "bad": ("poor",),
    "important": ("crucial", "key"),
    "help": ("aid", "assist"),
    "helps": ("aids", "assists"),
    "use": ("employ", "apply"),
    "used": ("employed", "applied"),
    "make": ("create", "produce"),
    "makes": ("creates", "produces"),
    "provide": ("give", "offer"),
    "provides": ("gives", "offers"),
    "different": ("distinct", "various"),
    "near": ("close to", "by"),
    "beautiful": ("pretty", "lovely"),
    "happy": ("glad", "cheerful"),
    "fast": ("quick", "rapid"),
    "begin": ("start",),
    "start": ("begin",),
    "street": ("road",),
    "car": ("vehicle", "auto"),
    "food": ("meal", "dish"),
    "house": ("home", "building"),
    "center": ("middle",),
    "because": ("since", "as"),
    "also": ("too", "as well"),
    "however": ("but", "still"),
    "often": ("frequently", "a lot"),
    "usually": ("normally", "mostly"),
    "various": ("different", "many"),
    "need": ("require", "want"),
    "try": ("attempt",),
    "get": ("obtain",),
    "shown": ("displayed", "pictured"),
    "total": ("sum",),
    "clearly": ("plainly", "obviously"),
    "round": ("circular",),
}
"""Close in meaning; never of the words that answer: colours, shapes, numbers."""

GRAND = {
    "use": "utilize", "used": "utilized", "show": "exhibit", "shows": "exhibits", "see": "perceive", "has": "possesses", "have": "possess",
    "is": "is found to be", "are": "are found to be", "there": "therein", "at": "in the vicinity of", "in": "within", "help": "facilitate",
    "near": "in proximity to", "many": "a multitude of", "about": "concerning", "big": "of considerable magnitude", "get": "procure",
    "because": "inasmuch as", "picture": "visual composition", "image": "visual composition", "object": "entity", "objects": "entities",
    "make": "fabricate", "so": "consequently", "also": "furthermore", "but": "notwithstanding that", "contains": "encompasses",
}  # fmt: skip
"""Plain words to needlessly grand ones."""

CASUAL = {
    "yes": "yeah", "no": "nah", "there is": "theres", "there are": "theres", "it is": "its", "it is not": "it aint", "is not": "aint",
    "are not": "aint", "going to": "gonna", "want to": "wanna", "because": "cuz", "you": "u", "are": "r", "your": "ur", "and": "n",
    "very": "super", "people": "folks", "kind of": "kinda", "a lot of": "lots of", "please": "pls", "okay": "ok",
    "picture": "pic", "image": "pic", "i do not know": "dunno", "man": "guy", "children": "kids", "something": "smth", "with": "w/",
}  # fmt: skip
"""Neat phrases to careless ones."""

VERB_FORMS = {
    "is": ("was", "been", "be", "will be"), "are": ("were", "was being", "be", "is"), "was": ("is", "were", "will be"),
    "were": ("are", "was", "been"), "has": ("had", "have", "having"), "have": ("has", "had", "haved"), "does": ("did", "do", "doing"),
    "do": ("does", "did"), "can": ("could", "cans"), "see": ("saw", "seed", "seeing"), "shows": ("shown", "showed", "show"),
    "contains": ("contained", "contain"), "appears": ("appeared", "appear", "appearing"), "looks": ("looked", "look"),
    "located": ("locate", "locating"), "find": ("found", "finded"), "stands": ("standed", "stood"), "sits": ("sitted", "sat"),
    "goes": ("went", "goed"), "made": ("maked", "makes"), "makes": ("maked", "made"), "took": ("taked", "takes"),
}  # fmt: skip
"""Verbs to forms that do not fit."""
