# ruff: noqa: E501 - texts in many scripts, some of them wide
import base64
import json
import random
import string
import uuid
from collections.abc import Callable
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.garbage import EXAMINED, garbage

BYTES = "bytes that are not text"
MISREAD = "text read in the wrong character set"
REPEATED = "the same words over and over"
ENCODED = "encoded data"
RANDOM = "words of random letters"

LANGUAGES = {
    "English": "The night train was late again, and the people on the platform had stopped looking "
    "at the clock. A boy counted the windows of the station, his mother read him the names of the "
    "towns on the board, and an old man slept on his suitcase as if he had all the time there is.",
    "German": "Der Bäcker an der Ecke öffnet schon um fünf, weil die Fischer vor der Arbeit Brot "
    "holen. Im Winter brennt dort das einzige Licht der Straße, und wer nicht schlafen kann, geht "
    "hinüber, trinkt einen Kaffee und hört zu, wie das Wetter werden soll und wer geheiratet hat.",
    "Finnish": "Järven jää oli vielä ohutta, mutta lapset kävivät joka aamu kokeilemassa sitä "
    "kepillä. Isoäiti katseli ikkunasta ja keitti puuroa. Kun pakkanen viimein kiristyi, koko kylä "
    "kokoontui rantaan luistelemaan, ja illalla saunan lämmössä kerrottiin vanhoja tarinoita.",
    "Polish": "Wczesną wiosną rzeka wylewa na łąki i wieś staje się wyspą. Listonosz przypływa "
    "łódką, a dzieci cieszą się, że szkoła jest zamknięta. Starsi mężczyźni siedzą przed sklepem, "
    "sprzeczają się o pogodę i mówią, że dawniej woda sięgała aż do progu kościoła.",
    "Turkish": "Sabahları pazara giden yol kalabalık olur, çünkü köylüler sebzelerini erkenden "
    "getirir. Kadınlar domatesleri tek tek seçer, çocuklar karpuz dilimleri için sıraya girer. "
    "Öğleye doğru sıcak bastırınca herkes çınarın altında oturup çay içer ve eski günleri anlatır.",
    "Vietnamese": "Buổi sáng ở chợ nổi, những chiếc thuyền chở đầy trái cây chen nhau trên sông. "
    "Người bán treo một quả dứa lên cây sào để khách biết thuyền mình bán gì. Khi mặt trời lên cao, "
    "nước rút dần và mọi người chèo thuyền về nhà ăn cơm với gia đình.",
    "Russian": "К вечеру поднялся ветер, и лодки вернулись раньше обычного. Рыбаки молча "
    "вытаскивали сети, а на берегу их ждали жёны с фонарями. Никто не говорил о буре, но все "
    "смотрели на небо и считали огни, пока последний парус не показался из-за мыса.",
    "Greek": "Το καφενείο του χωριού άνοιγε πριν ξημερώσει, όταν οι βοσκοί κατέβαιναν από το βουνό. "
    "Έπιναν τον καφέ τους όρθιοι, μιλούσαν για τη βροχή που δεν έλεγε να έρθει και έφευγαν πάλι "
    "πριν ο ήλιος φτάσει στην πλατεία και ζεστάνει τις πέτρες.",
    "Arabic": "في الصباح الباكر يفتح الخباز دكانه قبل أن تستيقظ المدينة، فتنتشر رائحة الخبز في "
    "الشوارع الضيقة. يأتي الأطفال أولا ليشتروا لأمهاتهم، ثم يأتي العمال ويتحدثون قليلا عن الطقس "
    "وعن مباراة الأمس قبل أن يذهب كل واحد منهم إلى عمله.",
    "Hebrew": "בכל יום שישי אחר הצהריים השוק מתרוקן לאט והמוכרים מורידים את המחירים. סבתא שלי "
    "הייתה מחכה לרגע הזה עם הסל הגדול שלה, קונה את העגבניות האחרונות ומספרת לכולם שמהן יוצא "
    "המרק הטוב ביותר, ואף אחד לא העז להתווכח איתה.",
    "Hindi": "गाँव के बाहर एक पुराना कुआँ है जहाँ शाम को सब लोग मिलते हैं। बच्चे नीम के पेड़ के नीचे खेलते हैं "
    "और बूढ़े लोग अपने समय की कहानियाँ सुनाते हैं। बारिश के दिनों में रास्ता कीचड़ से भर जाता है, फिर भी कोई "
    "घर पर नहीं रुकता।",
    "Thai": "ทุกเช้าคุณยายจะตื่นก่อนพระอาทิตย์ขึ้นเพื่อหุงข้าวใส่บาตร เด็กๆ ช่วยกันเก็บดอกมะลิในสวนแล้ววิ่งไปรอที่หน้าบ้าน "
    "เมื่อฝนตกถนนจะลื่นมาก แต่ไม่มีใครบ่น เพราะทุกคนรู้ว่าข้าวในนากำลังรอน้ำอยู่",
    "Chinese": "村口有一棵老槐树，夏天的晚上大家都搬着凳子到树下乘凉。爷爷摇着扇子讲年轻时候的故事，"
    "孩子们一边听一边数天上的星星。夜深了，河边传来青蛙的叫声，谁也舍不得先回家睡觉。",
    "Japanese": "駅前の小さな本屋は、雨の日になるといつもより客が多い。傘をたたんだ人たちは、"
    "急いで帰るふりをしながら棚の前で足を止める。店主は何も言わずにストーブに火を入れ、"
    "古いラジオの音を少しだけ大きくする。",
    "Korean": "겨울이 오면 할머니는 마당에 큰 독을 묻고 김치를 담그셨다. 온 동네 사람들이 모여 배추를 "
    "씻고 양념을 버무리며 하루 종일 웃고 떠들었다. 저녁이 되면 따뜻한 방에 둘러앉아 갓 삶은 고기와 함께 "
    "첫 김치를 맛보았다.",
    "Hawaiian": "I ke kakahiaka nui hele ka makuakāne i kahakai e lawaiʻa ai, a noho ke keiki i ka "
    "hale me kona kupuna wahine. Ua aʻo ʻia ke keiki i nā mele kahiko a me nā inoa o nā hōkū a pau.",
}

CODE = '''def tide(hours: float, high: float = 4.2) -> float:
    """Height of the water, in metres."""
    phase = 2 * math.pi * (hours % 12.42) / 12.42
    return high / 2 * (1 + math.cos(phase))

for i, j in zip(xs, ys):
    if x[i] > y[j]: buf[k] = ptr->nxt[i ^ j] & 0xff; k += 1
'''


def rng() -> random.Random:
    return random.Random(7)


def rows(make: Callable[[random.Random, int], str], count: int = 60) -> str:
    draw = rng()
    return "\n".join(make(draw, n) for n in range(count))


def letters(draw: random.Random, alphabet: str, length: int) -> str:
    return "".join(draw.choice(alphabet) for _ in range(length))


LEGITIMATE = {
    "empty": "",
    "a word": "tide",
    "a cry": "aaaaaaaaaaaaaaaaaaaaaaaargh!!!!!!!!!!!!!!!!!",
    "an accent": "Ã©",
    "a stray character": "a\x00b",
    "a hash": "9f86d081884c7d659a2feaa0c55ad015",
    "a key": "pypi-AgEIcHlwaS5vcmcCJDU2Nzg5MA",
    "pangrams": "Sphinx of black quartz, judge my vow. Pack my box with five dozen liquor jugs. How "
    "vexingly quick daft zebras jump. Jackdaws love my big sphinx of quartz. Waltz, bad nymph, for "
    "quick jigs vex. Glib jocks quiz nymph to vex dwarf. Quick zephyrs blow, vexing daft Jim. Two "
    "driven jocks help fax my big quiz. Bright vixens jump, dozy fowl quack.",
    "emoji": "\U0001f600\U0001f44d\U0001f3fd \u2764\ufe0f" * 3,
    "code": CODE * 3,
    "numbers": rows(lambda r, n: " ".join(f"{r.random():.3f}" for _ in range(6))),
    "digits": letters(rng(), string.digits, 2000),
    "zeros": "0.000e+00 1.000e+00 0.000e+00 0.000e+00\n" * 100,
    "log": rows(lambda r, n: f"2026-03-01 10:{n:02}:00 INFO worker 3: heartbeat ok"),
    "form": rows(lambda r, n: f"Name: {n}\nStreet:\nTown:\nCountry: {r.choice('ABCDE')}\n"),
    "csv": "id,name,price\n" + rows(lambda r, n: f"{n},item-{r.randrange(999)},{n * 1.5}"),
    "json": json.dumps([{"id": n, "active": n % 3 == 0, "tags": ["a", "b"]} for n in range(60)]),
    "xml": rows(lambda r, n: f"<row id='{n}'><name>n{r.random()}</name></row>"),
    "latex": r"\begin{align} \int_0^1 x^{n-1}(1-x)^{m-1}\,dx &= \frac{(n-1)!(m-1)!}{(n+m-1)!} "
    r"\\ \sum_{k=0}^\infty \frac{x^k}{k!} &= e^x \end{align} where $n,m \in \mathbb{N}$.",
    "smiles": "CC(=O)OC1=CC=CC=C1C(=O)O CN1C=NC2=C1C(=O)N(C(=O)N2C)C " * 2,
    "names in chemistry": "2-amino-3-(1H-indol-3-yl)propanoic acid, 1,3,7-trimethylpurine-2,6-dione",
    "DNA": letters(rng(), "acgt", 600),
    "protein": rows(lambda r, n: letters(r, "ACDEFGHIKLMNPQRSTVWY", 60), 20),
    "protein, small letters": rows(
        lambda r, n: f"{n} " + " ".join(letters(r, "acdefghiklmnpqrstvwy", 10) for _ in range(6)), 9
    ),
    "stock symbols": rows(lambda r, n: letters(r, string.ascii_uppercase, 4)),
    "serial numbers": rows(lambda r, n: letters(r, string.ascii_uppercase + string.digits, 12)),
    "checksums": rows(lambda r, n: f"{r.randbytes(32).hex()}  package-{n}.0.tar.gz"),
    "paths": rows(
        lambda r, n: f"/usr/lib/python3/dist-packages/SomePackage/module_{n}/__init__.py"
    ),
    "camelCase": rows(lambda r, n: f"PageHint{r.randrange(999)}ExceptionForVariableNames", 20),
    "terminal colours": "\x1b[32mok\x1b[0m 3 passed \x1b[31mfailed\x1b[0m 1 error " * 4,
    "some wrong accents": "The café was called Ã‰toile, and the waiter said voilÃ\xa0. " * 4,
    "chorus": "Row, row, row your boat, gently down the stream. " * 6,
    "chat": rows(lambda r, n: f"{r.choice(['Ann', 'Bob'])}: {r.choice(['ok', 'lol', 'no'])}{n}"),
    "word salad": " ".join(rng().choices(" ".join(LANGUAGES.values()).split(), k=400)),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_passes(language):
    assert garbage(LANGUAGES[language]) is None
    assert garbage(LANGUAGES[language].upper()) is None


@pytest.mark.parametrize("length", [100, 150, 200, 250])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_stretch_of_a_text_passes(language, length):
    text = LANGUAGES[language]
    for start in range(0, max(1, len(text) - length), 5):
        assert garbage(text[start : start + length]) is None


@pytest.mark.parametrize("first", LANGUAGES)
@pytest.mark.parametrize("second", LANGUAGES)
@pytest.mark.parametrize("length", [120, 250])
def test_two_languages_in_one_text_pass(first, second, length):
    assert garbage(f"{LANGUAGES[first][:length]} {LANGUAGES[second][:length]}") is None


def test_a_mixture_of_languages_passes():
    assert garbage(" ".join(LANGUAGES.values())) is None


@pytest.mark.parametrize("kind", LEGITIMATE)
def test_what_somebody_may_want_to_find_passes(kind):
    assert garbage(LEGITIMATE[kind]) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_sentence_over_and_over(language):
    sentence = LANGUAGES[language][:60] + ". "
    assert garbage(sentence * 200) == REPEATED
    assert garbage(sentence * 3) is None


def caught(make: Callable[[random.Random], str], why: str, draws: int = 200) -> float:
    draw = rng()
    return sum(garbage(make(draw)) == why for _ in range(draws)) / draws


@pytest.mark.parametrize(("size", "share"), [(30, 0.9), (50, 0.98), (400, 1), (4000, 1)])
def test_random_bytes_as_latin_1(size, share):
    assert caught(lambda r: r.randbytes(size).decode("latin-1"), BYTES) >= share


@pytest.mark.parametrize(("size", "share"), [(20, 0.95), (400, 1)])
def test_random_bytes_with_replacements(size, share):
    assert caught(lambda r: r.randbytes(size).decode("utf-8", "replace"), BYTES) >= share


@pytest.mark.parametrize(("words", "share"), [(20, 0.9), (50, 0.98), (100, 1), (400, 1)])
@pytest.mark.parametrize("alphabet", [string.ascii_lowercase, string.ascii_letters])
def test_words_of_random_letters(words, share, alphabet):
    def make(draw: random.Random) -> str:
        return " ".join(letters(draw, alphabet, draw.randint(1, 12)) for _ in range(words))

    assert caught(make, RANDOM) >= share


@pytest.mark.parametrize("words", [60, 400])
def test_random_letters_of_another_alphabet(words):
    alphabet = "абвгдежзийклмнопрстуфхцчшщъыьэюя"

    def make(draw: random.Random) -> str:
        return " ".join(letters(draw, alphabet, draw.randint(1, 12)) for _ in range(words))

    assert caught(make, RANDOM, draws=100) >= 0.99


@pytest.mark.parametrize(("size", "share"), [(45, 0.97), (60, 0.97), (100, 0.99), (400, 1)])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.encodebytes, bytes.hex])
def test_encoded_bytes(size, share, encode):
    def make(draw: random.Random) -> str:
        encoded = encode(draw.randbytes(size))
        return encoded if isinstance(encoded, str) else encoded.decode()

    assert caught(make, ENCODED) >= share


def test_a_list_of_nothing_but_identifiers():
    assert garbage(rows(lambda r, n: str(uuid.UUID(int=r.getrandbits(128))), 5)) == ENCODED


@pytest.mark.parametrize("language", ["Russian", "Chinese", "Thai", "Korean"])
@pytest.mark.parametrize("charset", ["cp1252", "latin-1", "cp1251"])
def test_a_text_read_in_the_wrong_character_set(language, charset):
    misread = LANGUAGES[language].encode().decode(charset, "ignore")
    assert garbage(misread) in (MISREAD, BYTES)


@given(st.text() | st.text(st.characters(categories=["Ll", "Zs", "Cs", "Cn", "Mn"]), min_size=200))
def test_any_text_gets_an_answer(text):
    assert garbage(text) in (None, BYTES, MISREAD, REPEATED, ENCODED, RANDOM)


def test_the_time_does_not_grow_with_the_text():
    text = " ".join(LANGUAGES.values()) * (EXAMINED // 1000)
    garbage(text)
    start = perf_counter()
    garbage(text * 100)
    assert perf_counter() - start < 1
