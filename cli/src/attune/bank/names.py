"""Chinese names, addresses, phone and document numbers: invented, well-formed, and nobody's."""

import numpy as np
from mimesis import Address, Gender, Locale, Person

from attune.bank.randomness import Bools, Ints, Texts

# The commonest surnames carry most people; mimesis draws all of its 400 alike.
_COMMON = tuple("王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高梁郑谢宋唐许韩冯邓曹")
_POOL = 1_200
_AREAS = ("110101", "310104", "320106", "330102", "370102", "420106", "440103", "500103", "510104", "610102")
_CHECK_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_PREFIXES = ("130", "135", "136", "138", "139", "150", "158", "159", "177", "186", "188", "189")


def full_names(rng: np.random.Generator, female: Bools) -> Texts:
    """One name for each entry, by sex."""
    person = Person(Locale.ZH, seed=int(rng.integers(2**31)))
    rare = [person.surname() for _ in range(_POOL)]
    surnames = np.array([*_COMMON * 60, *rare], dtype=object)
    given = {
        gender: np.array([person.first_name(gender=gender) for _ in range(_POOL)], dtype=object)
        for gender in (Gender.FEMALE, Gender.MALE)
    }
    picks = rng.integers(_POOL, size=len(female))
    names = np.where(female, given[Gender.FEMALE][picks], given[Gender.MALE][picks])
    return np.asarray(surnames[rng.integers(len(surnames), size=len(female))] + names)


def addresses(rng: np.random.Generator, count: int) -> Texts:
    """One address for each entry: city, street, number."""
    address = Address(Locale.ZH, seed=int(rng.integers(2**31)))
    places = np.array([f"{address.city().strip()}{address.street_name()}" for _ in range(_POOL)], dtype=object)
    numbers = np.array([f"{n}号" for n in range(1, 400)], dtype=object)
    return np.asarray(places[rng.integers(_POOL, size=count)] + numbers[rng.integers(len(numbers), size=count)])


def phones(rng: np.random.Generator, count: int) -> Texts:
    """One mobile number of eleven digits for each entry."""
    prefixes = np.array(_PREFIXES, dtype=object)[rng.integers(len(_PREFIXES), size=count)]
    return np.array(
        [f"{p}{n:08d}" for p, n in zip(prefixes, rng.integers(10**8, size=count), strict=True)], dtype=object
    )


def documents(rng: np.random.Generator, births: Texts, female: Bools) -> Texts:
    """Identity numbers of eighteen characters with a right check character: area, birth day, order (even for women)."""
    count = len(births)
    areas = np.array(_AREAS, dtype=object)[rng.integers(len(_AREAS), size=count)]
    orders: Ints = rng.integers(500, size=count) * 2 + np.where(female, 0, 1)
    bodies = [f"{area}{birth}{order:03d}" for area, birth, order in zip(areas, births, orders, strict=True)]
    digits = np.array([list(body) for body in bodies], dtype=np.int64)
    checks = np.array(list("10X98765432"), dtype=object)[digits @ _CHECK_WEIGHTS % 11]
    return np.asarray(np.array(bodies, dtype=object) + checks)
