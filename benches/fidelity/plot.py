"""Two figures from the numbers of httpbin.py: python3 plot.py OUT FIGURES"""
import json, sys, pathlib, math
src, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]); out.mkdir(parents=True, exist_ok=True)
R = json.load(open(src/"results.json")); C = json.load(open(src/"curves.json"))
INK, GRID, BG = "#333a45", "#d8dde5", "#ffffff"
COL = {"real": "#333a45", "mock": "#d9480f", "constant": "#868e96", "lognormal": "#1c7ed6"}
def DASH(d): return f" stroke-dasharray='{d}'" if d else ""
def svg(w, h, body): return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" font-family="system-ui, sans-serif" font-size="13"><rect width="{w}" height="{h}" fill="{BG}"/>{body}</svg>\n'
def text(x, y, s, anchor="middle", fill=INK, size=13): return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" font-size="{size}">{s}</text>'
def line(x1, y1, x2, y2, c, w=1, dash=""): return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{c}" stroke-width="{w}" {DASH(dash)}/>'
def path(pts, c, w=2, dash=""): return f'<polyline fill="none" stroke="{c}" stroke-width="{w}" {DASH(dash)} points="' + " ".join(f"{x:.1f},{y:.1f}" for x, y in pts) + '"/>'
ops = [k for k in next(iter(R["levels"].values())) if k != "bad"]
# quantiles: a panel for each operation at 80 %
W, H, PW, PH, L, T = 900, 330, 240, 220, 56, 48
body = text(W / 2, 22, "Share of calls answered within a time, at 80 % of capacity", size=15)
for i, op in enumerate(ops):
    x0, y0 = L + i * (PW + 45), T + PH
    c = C[f"0.8-{op}"]; top = max(c["real"][-1], c["mock"][-1]) * 1.05
    step = 10 ** math.floor(math.log10(top)); step = step if top / step >= 4 else step / 2
    X = lambda v: x0 + v / top * PW
    Y = lambda p: y0 - p * PH
    for p in (0, .25, .5, .75, 1): body += line(x0, Y(p), x0 + PW, Y(p), GRID) + (text(x0 - 6, Y(p) + 4, f"{p*100:.0f} %", "end") if i == 0 else "")
    v = 0
    while v <= top: body += line(X(v), y0, X(v), y0 + 4, INK) + text(X(v), y0 + 18, f"{v:g}"); v += step
    body += text(x0 + PW / 2, y0 + 36, f"{op}, ms")
    b = R["baselines"][op]; med = b["constant"][0]
    body += path([(X(0), Y(0)), (X(med), Y(0)), (X(med), Y(1)), (X(top), Y(1))], COL["constant"], 1.5, "4 3")
    m = math.log(b["lognormal"][0]); s = (math.log(b["lognormal"][1]) - m) / 1.2815516
    ln = lambda v: 0.5 * (1 + math.erf((math.log(v) - m) / s / math.sqrt(2)))
    body += path([(X(top * k / 200), Y(ln(top * k / 200))) for k in range(1, 201)], COL["lognormal"], 1.5, "4 3")
    for side in ("real", "mock"): body += path([(X(v), Y((k + 1) / 200)) for k, v in enumerate(c[side])], COL[side], 2.2 if side == "real" else 1.8)
for i, (k, s) in enumerate((("real", "httpbin"), ("mock", "standin"), ("constant", "a constant delay"), ("lognormal", "WireMock's log-normal"))):
    body += line(L + i * 190, H - 12, L + 26 + i * 190, H - 12, COL[k], 2.5, "4 3" if k in ("constant", "lognormal") else "") + text(L + 32 + i * 190, H - 8, s, "start")
(out/"httpbin-ecdf.svg").write_text(svg(W, H, body))
# deviation by percentile
W, H = 900, 340; PW, PH, L, T = 240, 220, 64, 48
body = text(W / 2, 22, "Latency against httpbin's own, by percentile (80 % and 90 % of capacity)", size=15)
for i, op in enumerate(ops):
    x0, y0 = L + i * (PW + 42), T + PH
    Y = lambda ratio: y0 - (math.log2(ratio) + 5) / 6 * PH
    for ratio, s in ((2, "× 2"), (1, "equal"), (.5, "÷ 2"), (.25, "÷ 4"), (.125, "÷ 8"), (1 / 16, "÷ 16"), (1 / 32, "÷ 32")):
        body += line(x0, Y(ratio), x0 + PW, Y(ratio), INK if ratio == 1 else GRID) + (text(x0 - 6, Y(ratio) + 4, s, "end") if i == 0 else "")
    for l, (level, lv) in enumerate(R["levels"].items()):
        real, mock, base = lv[op]["real"]["pooled"], lv[op]["mock"]["pooled"], R["baselines"][op]
        for k, p in enumerate(("p50", "p90", "p95", "p99")):
            x = x0 + (k + .3 + .4 * l) / 4 * PW
            if l == 0: body += text(x0 + (k + .5) / 4 * PW, y0 + 18, p)
            for name, v in (("constant", base["constant"][k]), ("lognormal", base["lognormal"][k]), ("mock", mock[k])):
                y = Y(max(v / real[k], 1 / 32))
                body += f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{COL[name] if l == 0 else BG}" stroke="{COL[name]}" stroke-width="2"/>'
    body += text(x0 + PW / 2, y0 + 36, op)
for i, (k, s) in enumerate((("mock", "standin"), ("constant", "a constant delay"), ("lognormal", "WireMock's log-normal"))):
    body += f'<circle cx="{L + 8 + i * 190}" cy="{H - 14}" r="5" fill="{COL[k]}"/>' + text(L + 20 + i * 190, H - 10, s, "start")
body += text(L + 3 * 190, H - 10, "filled: 80 %, open: 90 %", "start")
(out/"httpbin-ratio.svg").write_text(svg(W, H, body))
