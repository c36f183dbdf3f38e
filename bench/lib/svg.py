# SPDX-License-Identifier: MIT
"""Draws charts as SVG without a library, for light and dark themes: panels with axes, lines, bars."""
import math
from html import escape

# variant: (colour in the light theme, in the dark theme, dashes)
COLOURS = {
    "tcp": ("#555b66", "#aab2bf", ""), "tcp-cubic": ("#8a919e", "#8a919e", ""),
    "tcp-bbr": ("#2f353f", "#d5dae3", ""), "tls": ("#0b7a4b", "#3fcf8e", ""),
    "kcptun-fast2": ("#c2560c", "#ff9a52", ""), "kcptun-fast3": ("#d9a400", "#f2cc4d", ""),
    "rudp-bbr": ("#0b5bd3", "#5aa2ff", ""), "rudp-cubic": ("#7a3fd0", "#b58bff", ""),
    "rudp-stranger": ("#4f7fb5", "#8fb6e6", ""), "rudp-early": ("#06317a", "#a9cdff", ""),
    "rudp-two": ("#0a8ea8", "#4fd0e6", ""), "soft": ("#9cc3f5", "#2c5a94", ""),
    "good": ("#1a8a3a", "#4ecb71", "5 4"),
}


def style():
    light = ["text{font:12px system-ui,sans-serif;fill:#1f2328}", ".title{font-size:15px;font-weight:600}",
             ".panel{font-weight:600}", ".small{font-size:11px;fill:#59636e}", ".grid{stroke:#d9dee4}",
             ".axis{stroke:#8c959f}", ".page{fill:#fff}", ".band{fill:#1a8a3a;fill-opacity:.12}",
             ".whisker{stroke:#1f2328;stroke-width:1.2}"]
    dark = ["text{fill:#e6edf3}", ".small{fill:#9aa4af}", ".grid{stroke:#2b323b}", ".axis{stroke:#6b7580}",
            ".page{fill:#0d1117}", ".whisker{stroke:#e6edf3}"]
    for name, (bright, dim, _) in COLOURS.items():
        light.append(f".f-{name}{{fill:{bright}}}.s-{name}{{stroke:{bright};fill:none}}")
        dark.append(f".f-{name}{{fill:{dim}}}.s-{name}{{stroke:{dim}}}")
    return "".join(light) + "@media(prefers-color-scheme:dark){" + "".join(dark) + "}"


class Scale:
    """Maps values to pixels. kind: linear, log, or tail (a share below 1, by its distance from 1)."""

    def __init__(self, low, high, kind="linear", ticks=None):
        self.kind, self.low, self.high = kind, low, high
        self.marks = ticks

    def place(self, value):
        """Returns 0 for the lowest value and 1 for the highest."""
        if self.kind == "log":
            value = max(value, self.low)
            return math.log(value / self.low) / math.log(self.high / self.low)
        if self.kind == "tail":
            return math.log(1 - min(value, self.high)) / math.log(1 - self.high)
        return (value - self.low) / (self.high - self.low)

    def ticks(self):
        if self.marks:
            return self.marks
        if self.kind == "log":
            steps = (1,) if self.high / self.low > 2e3 else (1, 2, 5)
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            marks = [m * 10.0 ** e for e in powers for m in steps]
            return [m for m in marks if self.low * 0.999 <= m <= self.high * 1.001]
        step = 10.0 ** math.floor(math.log10((self.high - self.low) or 1))
        while (self.high - self.low) / step < 4:
            step /= 2
        first = math.ceil(self.low / step - 1e-9)
        return [step * i for i in range(first, int(self.high / step + 1e-9) + 1)]


def covering(values, kind="linear", low=None):
    values = [v for v in values if v is not None] or [1]
    if kind == "log":
        return Scale(min(values) / 1.2, max(values) * 1.2, kind)
    return Scale(min(0, *values) if low is None else low, max(values) * 1.06 or 1, kind)


def short(value):
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if abs(value) >= 1e4 else f"{value:.4g}"


class Panel:
    def __init__(self, left, top, width, height, x, y, title="", x_says="", y_says="", say=short):
        self.left, self.top, self.width, self.height = left, top, width, height
        self.x, self.y, self.out = x, y, []
        self.frame(title, x_says, y_says, say)

    def at_x(self, value):
        return self.left + self.x.place(value) * self.width

    def at_y(self, value):
        return self.top + self.height - self.y.place(value) * self.height

    def text(self, x, y, what, kind="", anchor="start", turn=False):
        turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
        self.out.append(f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}" text-anchor="{anchor}"{turned}>'
                        f"{escape(what)}</text>")

    def stroke(self, kind, x1, y1, x2, y2):
        self.out.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    def frame(self, title, x_says, y_says, say):
        right, bottom = self.left + self.width, self.top + self.height
        for tick in self.y.ticks():
            self.stroke("grid", self.left, self.at_y(tick), right, self.at_y(tick))
            label = f"{tick * 100:g} %" if self.y.kind == "tail" else say(tick)
            self.text(self.left - 7, self.at_y(tick) + 4, label, "small", "end")
        for tick in self.x.ticks() if x_says else []:
            self.stroke("grid", self.at_x(tick), self.top, self.at_x(tick), bottom)
            self.text(self.at_x(tick), bottom + 16, short(tick), "small", "middle")
        self.stroke("axis", self.left, bottom, right, bottom)
        self.text(self.left, self.top - 9, title, "panel")
        self.text(self.left + self.width / 2, bottom + 33, x_says, "small", "middle")
        self.text(self.left - 46, self.top + self.height / 2, y_says, "small", "middle", turn=True)

    def line(self, kind, points, width=1.8, dashes=""):
        points = [(x, y) for x, y in points if x is not None and y is not None]
        if not points:
            return
        path = " ".join(f"{self.at_x(x):.1f},{max(self.top, min(self.top + self.height, self.at_y(y))):.1f}"
                        for x, y in points)
        self.out.append(f'<polyline class="s-{kind}" stroke-width="{width}" stroke-linejoin="round" '
                        f'stroke-dasharray="{dashes}" points="{path}"/>')

    def dots(self, kind, points):
        for x, y in points:
            self.out.append(f'<circle class="f-{kind}" cx="{self.at_x(x):.1f}" cy="{self.at_y(y):.1f}" r="3.2"/>')

    def box(self, kind, x, y, width, height):
        self.out.append(f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{max(0, width):.1f}" '
                        f'height="{max(0, height):.1f}"/>')

    def mark_y(self, value, kind="good"):
        self.line(kind, [(self.x.low, value), (self.x.high, value)], 1.4, COLOURS[kind][2])


def legend(names, left, top, width):
    """Draws a legend. names: (kind, text). Returns its lines and its height."""
    out, x, y = [], left, top
    for kind, says in names:
        need = 30 + 6.6 * len(says)
        if x + need > left + width:
            x, y = left, y + 18
        out.append(f'<rect class="f-{kind}" x="{x}" y="{y - 9}" width="14" height="10" rx="2"/>'
                   f'<text x="{x + 20}" y="{y}">{escape(says)}</text>')
        x += need
    return out, y - top + 18


def page(width, height, title, parts):
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
                      f"<title>{escape(title)}</title><style>{style()}</style>",
                      f'<rect class="page" width="{width}" height="{height}" rx="6"/>',
                      f'<text class="title" x="20" y="28">{escape(title)}</text>', *parts, "</svg>"]) + "\n"
