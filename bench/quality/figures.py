"""How a figure is printed: points, intervals, shares, counts; a dash where there is none."""

from __future__ import annotations

from bench.quality.resampling import Estimate

NONE = "–"


def signed(value: float) -> str:
    """A difference in points; a bound a little below zero is seen to be below it.

    >>> signed(0.0123), signed(-0.0002), signed(0.0)
    ('+1.2', '-0.0', '+0.0')
    """
    return f"{100 * value:+.1f}"


def points(found: Estimate | None) -> str:
    """A difference in points with its interval.

    >>> points(Estimate(0.05, 0.031, 0.07, 0.001))
    '+5.0 (+3.1 to +7.0)'
    """
    if found is None:
        return NONE
    return f"{signed(found.value)} ({signed(found.low)} to {signed(found.high)})"


def level(found: Estimate | None) -> str:
    """A score in points, without a sign.

    >>> level(Estimate(0.453, 0.44, 0.46, 0.001))
    '45.3'
    """
    return NONE if found is None else f"{100 * found.value:.1f}"


def level_between(found: Estimate | None) -> str:
    """A score in points with its interval.

    >>> level_between(Estimate(0.453, 0.44, 0.46, 0.001))
    '45.3 (44.0 to 46.0)'
    """
    if found is None:
        return NONE
    return f"{level(found)} ({100 * found.low:.1f} to {100 * found.high:.1f})"


def chance(found: Estimate | None) -> str:
    """A p-value.

    >>> chance(Estimate(0.1, 0.0, 0.2, 0.0004))
    '< .001'
    """
    if found is None:
        return NONE
    return "< .001" if found.p < 0.001 else f"{found.p:.3f}".lstrip("0")


def percent(share: float | None) -> str:
    """A share.

    >>> percent(0.0149), percent(1.2), percent(None)
    ('1.5 %', '120.0 %', '–')
    """
    return NONE if share is None else f"{100 * share:.1f} %"


def count(number: float | None) -> str:
    """A count with thousands apart.

    >>> count(12345.6)
    '12,346'
    """
    return NONE if number is None else f"{number:,.0f}"
