"""httpbin under gunicorn, recorded at 20-60 % of its capacity, predicted at 80 and 90 %.

python3 -m venv venv && venv/bin/pip install httpbin==0.10.4 gunicorn==27.0.1
STEP=30 RUNS=3 venv/bin/python httpbin.py target/release/standin OUT && python3 plot.py OUT FIGURES
"""
import json, math, os, random, shutil, signal, subprocess, sys, threading, time, http.client, pathlib, statistics
STANDIN, OUT = sys.argv[1], pathlib.Path(sys.argv[2])
SECONDS = float(os.environ.get("STEP", "40")); RUNS = int(os.environ.get("RUNS", "3"))
OUT.mkdir(parents=True, exist_ok=True)
GP, RP, MP = 9931, 9932, 9933
CALLS = [(0.5, "/delay/0.01", "GET"), (0.3, "/delay/0.03", "PUT"), (0.2, "/html", "GET")]
OPS = {"/delay/0.01": "GET /delay/{id}", "/delay/0.03": "PUT /delay/{id}", "/html": "GET /html"}
METHOD = {url: method for _, url, method in CALLS}
def sh(core, *args, **kw): return subprocess.Popen(["taskset", "-c", str(core), *map(str, args)], **kw)
def cpu(pids):
    total = 0
    for p in pids:
        for line in subprocess.run(["ps", "--no-headers", "-o", "cputimes", "--ppid", str(p), "-p", str(p)], capture_output=True, text=True).stdout.split(): total += int(line)
    return total
def wait_port(port):
    for _ in range(200):
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=2); c.request("GET", "/html"); c.getresponse().read(); return
        except OSError: time.sleep(0.05)
    raise SystemExit(f"nothing on {port}")
def gunicorn():
    p = sh(1, pathlib.Path(sys.executable).with_name("gunicorn"), "-w", "4", "-k", "sync", "-b", f"127.0.0.1:{GP}", "--backlog", "2048", "--log-level", "error", "httpbin:app", start_new_session=True, stderr=subprocess.DEVNULL)
    wait_port(GP); 
    for _ in range(40): http_get(GP, "/html")
    return p
def http_get(port, path):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=20); c.request(METHOD.get(path, "GET"), path); r = c.getresponse(); r.read(); c.close(); return r.status
def stop(p, sig=signal.SIGINT):
    p.send_signal(sig); p.wait(20)
def recorder(folder):
    p = sh(0, STANDIN, "record", "--target", f"http://127.0.0.1:{GP}", folder, "--listen", f"127.0.0.1:{RP}", "--exclusive", "--max-in-flight", "2000", stdout=subprocess.PIPE, stderr=open(OUT/"recorder.log", "a"), text=True)
    p.stdout.readline(); return p
def mock(folder):
    p = sh(1, STANDIN, "serve", folder, "--profile", "recorded", "--listen", f"127.0.0.1:{MP}", "--journal-bytes", "0", "--workers", "1", stdout=subprocess.PIPE, stderr=open(OUT/"mock.log", "a"), text=True)
    p.stdout.readline(); return p
def schedule(path, rates, seconds, seed):
    rng = random.Random(seed); t = 0.0; n = 0
    with open(path, "w") as f:
        f.write(json.dumps({"standinTape": 1, "target": "http://schedule", "startedUnixMs": 1, "clock": "made", "exclusive": True, "bodies": False}) + "\n")
        for step, rate in enumerate(rates):
            end = (step + 1) * seconds
            while True:
                t += rng.expovariate(rate)
                if t > end: t = end; break
                u = rng.random(); acc = 0
                for share, url, _ in CALLS:
                    acc += share
                    if u < acc: break
                n += 1; at = int(t * 1e9)
                f.write(json.dumps({"number": n, "request": {"method": METHOD[url], "url": url}, "response": {"status": 200}, "times": {"received": at, "sent": at, "firstByte": at + 10**7, "lastByte": at + 10**7}, "inFlight": 8, "reused": True}) + "\n")
    return n
def replay(tape, port, out):
    if out.exists(): out.unlink()
    r = subprocess.run(["taskset", "-c", "0", STANDIN, "replay", str(tape), "--target", f"http://127.0.0.1:{port}", "--max-per-second", "100000", "--beyond-recorded", "--methods", "GET,PUT", "--stop", "errors=50%,p95=1000x", "--max-lateness", "20ms", "--out", str(out)], capture_output=True, text=True)
    print("   ", (r.stdout + r.stderr).strip().replace("\n", "\n    "), flush=True)
    return latencies(out)
def lines(path): return [json.loads(l) for l in open(path)][1:]
def latencies(path):
    found = {name: [] for name in OPS.values()}; bad = 0
    for e in lines(path):
        if "number" not in e: continue
        t = e["times"]
        if e.get("failure") or (e.get("response") or {}).get("status") != 200: bad += 1; continue
        found[OPS[e["request"]["url"]]].append((t["lastByte"] - t["received"]) / 1e6)
    return found, bad
def q(xs, p):
    xs = sorted(xs); k = (len(xs) - 1) * p; i = int(k); return xs[i] + (xs[min(i + 1, len(xs) - 1)] - xs[i]) * (k - i) if xs else float("nan")
PS = [0.5, 0.9, 0.95, 0.99]
def capacity():
    done = [0]; end = time.time() + 6; warm = time.time() + 1
    def work(seed):
        rng = random.Random(seed)
        while time.time() < end:
            u = rng.random(); acc = 0
            for share, url, _ in CALLS:
                acc += share
                if u < acc: break
            http_get(GP, url)
            if time.time() > warm: done[0] += 1
    ts = [threading.Thread(target=work, args=(i,)) for i in range(12)]
    [t.start() for t in ts]; [t.join() for t in ts]
    return done[0] / 5
res = {}
g = gunicorn(); cap = capacity(); print(f"capacity {cap:.0f}/s", flush=True); res["capacity"] = cap
folder = OUT/"httpbin"; shutil.rmtree(folder, ignore_errors=True)
ramp = OUT/"ramp.jsonl"; n = schedule(ramp, [cap * s for s in (0.2, 0.3, 0.4, 0.5, 0.6)], SECONDS, 1)
rec = recorder(folder); c0, t0 = cpu([g.pid]), time.time()
print("record", n, flush=True); replay(ramp, RP, OUT/"ramp-out.jsonl")
res["recordCpu"] = (cpu([g.pid]) - c0) / (time.time() - t0)
stop(rec); print(rec.stdout.read(), flush=True); stop(g, signal.SIGTERM)
fit = subprocess.run([STANDIN, "fit", str(folder)], capture_output=True, text=True); print(fit.stdout, fit.stderr, flush=True)
(OUT/"fit.txt").write_text(fit.stdout)
rtape = sorted((folder/"tapes").glob("*.jsonl"))[-1]
recorded = {name: [] for name in OPS.values()}
for e in lines(rtape):
    if "number" in e and not e.get("failure"): recorded[OPS[e["request"]["url"]]].append((e["times"]["lastByte"] - e["times"]["sent"]) / 1e6)
rng = random.Random(5); base = {}
for name, xs in recorded.items():
    logs = [math.log(x) for x in xs]; m, s = statistics.fmean(logs), statistics.pstdev(logs)
    base[name] = {"constant": [q(xs, .5)] * 4, "lognormal": [math.exp(m + s * z) for z in (0, 1.2815516, 1.6448536, 2.3263479)]}
res["recorded"] = {name: [q(xs, p) for p in PS] for name, xs in recorded.items()}; res["baselines"] = base; res["levels"] = {}
raw = {}
for level in (0.8, 0.9):
    sides = {"real": [], "mock": []}
    for run in range(RUNS):
        sched = OUT/f"s{level}-{run}.jsonl"; schedule(sched, [cap * level], SECONDS, 100 + run)
        for side in (("real", "mock") if run % 2 == 0 else ("mock", "real")):
            out = OUT/f"out-{level}-{run}-{side}.jsonl"; print(level, run, side, flush=True)
            if side == "real":
                g = gunicorn(); side_folder = OUT/"again"; shutil.rmtree(side_folder, ignore_errors=True); rec = recorder(side_folder)
                found = replay(sched, RP, out); stop(rec); stop(g, signal.SIGTERM)
            else:
                m = mock(folder); found = replay(sched, MP, out); stop(m)
            sides[side].append(found)
    lv = {}
    for name in OPS.values():
        lv[name] = {side: {"n": sum(len(f[0][name]) for f in runs), "runs": [[q(f[0][name], p) for p in PS] for f in runs], "pooled": [q([x for f in runs for x in f[0][name]], p) for p in PS]} for side, runs in sides.items()}
        raw[f"{level}-{name}"] = {side: [q([x for f in runs for x in f[0][name]], k / 200) for k in range(1, 200)] for side, runs in sides.items()}
    lv["bad"] = {side: [f[1] for f in runs] for side, runs in sides.items()}
    res["levels"][str(level)] = lv
json.dump(res, open(OUT/"results.json", "w"), indent=1); json.dump(raw, open(OUT/"curves.json", "w"))
for level, lv in res["levels"].items():
    for name in OPS.values():
        r, m = lv[name]["real"], lv[name]["mock"]; b = base[name]
        print(f"{level} {name:6} n={r['n']}", " ".join(f"p{int(p*100)}: real {x:.1f} mock {y:.1f} ({(y/x-1)*100:+.0f}%) const {(b['constant'][i]/x-1)*100:+.0f}% logn {(b['lognormal'][i]/x-1)*100:+.0f}%;" for i, (p, x, y) in enumerate(zip(PS, r["pooled"], m["pooled"]))))
        print("        real runs p50", [round(x[0], 1) for x in r["runs"]], "p99", [round(x[3], 1) for x in r["runs"]])
