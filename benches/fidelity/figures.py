"""Figures as SVG, readable on white and on dark pages: a paper of their own, and no text outside
it."""

import math
from xml.sax.saxutils import escape

NAMES = {
    "real": "the service, each run",
    "mock": "standin, each run",
    "constant": "constant median",
    "log-normal": "log-normal",
}
COLOURS = {"real": "#1f2933", "mock": "#d9480f", "constant": "#1c7ed6", "log-normal": "#2b8a3e"}
DASHES = {"real": "", "mock": "", "constant": "6 4", "log-normal": "2 3"}
PAPER, INK, GRID = "#f4f5f7", "#39424e", "#d3d8de"
FONT = "font-family='system-ui, sans-serif'"
DRAWN = ("constant", "log-normal", "real", "mock")
SHARES = [
    (1, "100 %"),
    (0.5, "50 %"),
    (0.2, "20 %"),
    (0.1, "10 %"),
    (0.05, "5 %"),
    (0.02, "2 %"),
    (0.01, "1 %"),
    (0.002, "0.2 %"),
]


class Panel:
    """One pair of logarithmic axes."""

    def __init__(self, left, top, width, height, xs, ys):
        self.left, self.top, self.width, self.height, self.xs, self.ys = (
            left,
            top,
            width,
            height,
            xs,
            ys,
        )
        self.parts = []

    def x(self, value):
        return self.left + self.width * _share(value, *self.xs)

    def y(self, value):
        return self.top + self.height * (1 - _share(value, *self.ys))

    def frame(self, title, xs, ys, x_label):
        for value, label in xs:
            self.parts.append(
                f"<path d='M{self.x(value):.1f} {self.top}v{self.height}' stroke='{GRID}'/>"
            )
            self.text(self.x(value), self.top + self.height + 16, label, "middle", 11)
        for value, label in ys:
            self.parts.append(
                f"<path d='M{self.left} {self.y(value):.1f}h{self.width}' stroke='{GRID}'/>"
            )
            self.text(self.left - 6, self.y(value) + 4, label, "end", 11)
        self.parts.append(
            f"<rect x='{self.left}' y='{self.top}' width='{self.width}' height='{self.height}' fill='none' stroke='{INK}'/>"
        )
        self.text(self.left + self.width / 2, self.top - 8, title, "middle", 13, "bold")
        self.text(self.left + self.width / 2, self.top + self.height + 34, x_label, "middle", 12)

    def line(self, who, points):
        path = "L".join(f"{self.x(x):.1f} {self.y(y):.1f}" for x, y in points)
        self.parts.append(
            f"<path d='M{path}' fill='none' stroke='{COLOURS[who]}' stroke-width='1.8' stroke-linejoin='round' stroke-dasharray='{DASHES[who]}'/>"
        )

    def text(self, x, y, text, anchor, size, weight="normal"):
        self.parts.append(
            f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-size='{size}' font-weight='{weight}' fill='{INK}' {FONT}>{escape(text)}</text>"
        )


def distributions(path, title, shares, curves):
    """The share of calls that took longer, a panel a load. `curves`: of each load and side, the
    runs' latencies at these `shares`."""
    values = [
        value
        for sides in curves.values()
        for runs in sides.values()
        for run in runs
        for value in run[1:]
    ]
    low, high = min(values) * 0.8, max(values) * 1.1
    panels = []
    for index, (load, sides) in enumerate(curves.items()):
        panel = Panel(64 + index * 420, 92, 356, 280, (low, high), (0.002, 1))
        panel.frame(
            f"at {load} %", _ticks(low, high), SHARES, "latency from when a call was due, ms"
        )
        for who in DRAWN:
            for run in sides.get(who, []):
                panel.line(who, [(max(value, low), 1 - share) for share, value in zip(shares, run)])
        panels.append(panel)
    shown = [
        who for who in DRAWN[2:] + DRAWN[:2] if any(sides.get(who) for sides in curves.values())
    ]
    _svg(path, 64 + 420 * len(panels), 424, title, panels, shown)


def _share(value, low, high):
    return min(
        max((math.log(max(value, 1e-9)) - math.log(low)) / (math.log(high) - math.log(low)), 0.0),
        1.0,
    )


def _ticks(low, high):
    digits = (1, 2, 5) if high / low < 300 else (1,)
    return [
        (digit * 10.0**power, f"{digit * 10.0 ** power:g}")
        for power in range(-2, 6)
        for digit in digits
        if low <= digit * 10.0**power <= high
    ]


def _svg(path, width, height, title, panels, shown):
    legend, left = [], 64
    for who in shown:
        legend.append(
            f"<path d='M{left} 46h28' stroke='{COLOURS[who]}' stroke-width='2.5' stroke-dasharray='{DASHES[who]}'/>"
            f"<text x='{left + 34}' y='50' font-size='12' fill='{INK}' {FONT}>{escape(NAMES[who])}</text>"
        )
        left += 56 + 6.4 * len(NAMES[who])
    with open(path, "w") as out:
        out.write(
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' role='img'>"
            f"<title>{escape(title)}</title><rect width='{width}' height='{height}' rx='8' fill='{PAPER}'/>"
            f"<text x='64' y='26' font-size='15' font-weight='bold' fill='{INK}' {FONT}>{escape(title)}</text>\n"
        )
        out.write("\n".join([*legend, *(part for panel in panels for part in panel.parts)]))
        out.write("\n</svg>\n")
