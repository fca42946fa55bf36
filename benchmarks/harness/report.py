"""The table and the plot of one set of measurements."""

from harness.sides import ONE_THREAD

PEERS = ("onnxruntime", "openvino", "iree", "litert", "cublaslt", "tensorrt")
TITLES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "iree": "IREE",
          "litert": "LiteRT", "cublaslt": "cuBLASLt", "tensorrt": "TensorRT", "qopt": "qopt"}

COSTS = ("calibrate", "calibrate 100", "calibrate 10000", "compile int8", "compile float")


def best(entry, peer, int8):
    """The fastest variant of a peer: its key and facts, or None. One thread beside
    several is no variant."""
    sides = [(k, f) for k, f in entry["sides"].items() if k.split()[0] == peer
             and ("int8" in k) == int8 and not k.endswith(ONE_THREAD) and "us" in f]
    return min(sides, key=lambda s: s[1]["us"], default=None)


def best_peer(entry, int8=True):
    found = [b for b in (best(entry, p, int8) for p in PEERS) if b]
    return min(found, key=lambda s: s[1]["us"], default=None)


def time_text(us):
    return f"{us / 1000:.2f} ms" if us >= 1000 else f"{us:.1f} us"


def ratio_text(ratio):
    return f"{ratio['median']:.2f} ({ratio['p10']:.2f}-{ratio['p90']:.2f})"


def side_text(found):
    if not found:
        return "-"
    key, facts = found
    ratio = f", **{facts['ratio']['median']:.2f}x**" if "ratio" in facts else ""
    return time_text(facts["us"]) + ratio


def table(title, text, header, rows):
    """A section, without the columns that say nothing; none without rows."""
    rows = list(rows)
    if not rows:
        return []
    used = [i for i in range(len(header)) if any(row[i] != "-" for row in rows)]
    header, rows = [header[i] for i in used], [[row[i] for i in used] for row in rows]
    lines = [f"## {title}", "", *([text, ""] if text else []),
             "| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return lines + ["| " + " | ".join(r) + " |" for r in rows] + [""]


def time_ratio(a, b):
    return f"{a[1]['us'] / b[1]['us']:.2f}" if a and b else "-"


def model_rows(entries):
    for name, entry in entries:
        own = best(entry, "qopt", True)
        peer = best_peer(entry)
        ahead = (f"{ratio_text(peer[1]['ratio'])} {TITLES[peer[0].split()[0]]}"
                 if own and peer else "-")
        peak = peak_rate(entry)
        yield [name, f"{(entry['macs'] or 0) / 1e6:,.1f}",
               time_text(own[1]["us"]) + share(entry, own, peak) if own else "-",
               *[side_text(best(entry, p, True)) for p in PEERS], ahead]


def float_rows(entries):
    for name, entry in entries:
        int8, own = best(entry, "qopt", True), best(entry, "qopt", False)
        peer = best_peer(entry, int8=False)
        yield [name, time_text(own[1]["us"]) if own else "-",
               *[time_text(b[1]["us"]) if (b := best(entry, p, False)) else "-" for p in PEERS],
               time_ratio(peer, own), time_ratio(own, int8)]


def size_rows(entries):
    for name, entry in entries:
        facts = entry["sides"]["qopt int8"]
        if "arena_bytes" not in facts:
            continue
        live = max(facts.get("largest_live_set", 0), 1)
        # Older results have no constants; what they call code is another sum.
        sizes = ([f"{facts[k] / 1024:,.0f} KiB" for k in ("code_bytes", "constant_bytes")]
                 if "constant_bytes" in facts else ["-", "-"])
        yield [name, f"{facts['prepare_cpu_s']:.1f} s", *sizes,
               f"{facts['arena_bytes'] / 1024:,.0f} KiB", f"{facts['arena_bytes'] / live:.2f}",
               f"{facts['load_s'] * 1e3:.0f} ms" if "load_s" in facts else "-"]


def accuracy_rows(entries):
    for name, entry in entries:
        cells = []
        for peer in ("qopt",) + PEERS:
            found = best(entry, peer, True)
            if found and "cosine" in found[1]:
                cells.append(f"{found[1]['cosine']:.4f} / {found[1]['max_quanta']:.1f}")
            else:
                cells.append("not comparable" if found and "compared" in found[1] else "-")
        yield [name, *cells]


def share(entry, found, peak):
    """Per cent of the peak of the same run."""
    return f", {entry['macs'] / found[1]['us'] / 1e1 / peak:.0f}%" if peak else ""


def rate(entry, found, peak):
    """GMAC/s and per cent of the peak of the same run."""
    if not found or not entry["macs"]:
        return "-"
    gmacs = entry["macs"] / found[1]["us"] / 1e3
    return f"{gmacs:.0f}" + (f" ({100 * gmacs / peak:.0f}%)" if peak else "")


def peak_rate(entry):
    facts = entry["sides"].get("peak vpdpbusd", {})
    return facts["macs"] / facts["us"] / 1e3 if "us" in facts else None


def kernel_rows(entries):
    for name, entry in entries:
        own, peak = best(entry, "qopt", True), peak_rate(entry)
        yield [name, time_text(own[1]["us"]) if own else "-", rate(entry, own, peak),
               *[cell for p in PEERS
                 for cell in (side_text(best(entry, p, True)),
                              rate(entry, best(entry, p, True), peak))]]


def thread_text(entry, found):
    """A side's time, and how much the threads bring."""
    if not found:
        return "-"
    key, facts = found
    alone = entry["sides"].get(key + ONE_THREAD, {})
    gain = f", {ratio_text(alone['gain'])}" if "gain" in alone else ""
    return time_text(facts["us"]) + gain


def thread_rows(entries, names):
    """Two threads, and one in the same rounds: the sides of the entry NAME@2."""
    for name in names:
        two = entries.get(name + "@2")
        if not two:
            continue
        cells = [thread_text(two, best(two, peer, True)) for peer in ("qopt",) + PEERS]
        peer = best_peer(two)
        yield [name, *cells, ratio_text(peer[1]["ratio"]) if peer and "ratio" in peer[1] else "-"]


def cost_text(cost):
    return (f"{cost['wall_s']:.1f} s ({cost['cpu_s']:.1f} s), "
            f"{cost['peak_bytes'] / 2**20:.0f} MiB")


def cost_rows(costs, names):
    for name in names:
        facts = costs.get(name)
        if facts:
            yield [name, *[cost_text(facts[k]) if k in facts else "-" for k in COSTS]]


def missing(entries, settings):
    """What could not be measured, and why."""
    lines = {}
    for name, entry in entries:
        for key, facts in entry["sides"].items():
            if "error" in facts:
                reason = " ".join(facts["error"].split())[:180]
                lines.setdefault((key, reason), []).append(name)
        configured = settings["kernel_sides" if entry["kind"] == "kernels" else "sides"]
        for peer in set(configured) - {key.split()[0] for key in entry["sides"]}:
            lines.setdefault((peer, "left out of that run"), []).append(name)
    return [f"- {key}: {', '.join(names)}: {reason}"
            for (key, reason), names in sorted(lines.items())]


def configured_names(settings):
    return [e["name"] for e in settings["models"] + settings["kernels"]]


def order(entries, names):
    return [(n, entries[n]) for n in names if n in entries]


def introduction(found, peak):
    machine, versions = found["machine"], [v for _, v in sorted(found["versions"].items())]
    cpu = (f"{machine['cpu']} (family {machine['family']}, model {machine['cpu_model']}; "
           f"{', '.join(machine['flags'])})")
    where = f"{machine['gpu']}; host: {cpu}" if "gpu" in machine else f"{cpu}, one thread"
    of_peak = (" The peak is that of `vpdpbusd` in the same rounds; only AMX, whose products of "
               "tiles are another instruction, can use more than 100% of it." if peak else "")
    return ["# Measurements", "", f"{where}.", "",
            *(["Peers: " + "; ".join(versions) + ".", ""] if versions else []),
            "Made by `benchmarks/run`; how it measures is in `benchmarks/README.md`. "
            "**1.50x**: qopt's int8 is 1.5 times as fast, the median of the rounds' ratios."
            + of_peak, ""]


def model_tables(models, titles, peak):
    return [
        *table("Models, int8", "",
               ["model", "MMAC", "qopt, of the peak" if peak else "qopt", *titles,
                "fastest peer : qopt (p10-p90)"], model_rows(models)),
        *table("Models, float", "",
               ["model", "qopt", *titles, "fastest peer : qopt", "qopt float : int8"],
               float_rows(models)),
        *table("Answers of the int8 models",
               "Cosine against float, and the largest difference in 255ths of the float answers' "
               "range.", ["model", "qopt", *titles], accuracy_rows(models)),
        *table("qopt's int8: cost", "",
               ["model", "calibrate and compile, CPU time", "code", "constants", "arena",
                "arena : largest live set", "load and first run"], size_rows(models))]


def markdown(found, settings):
    names = configured_names(settings)
    ordered = order(found["entries"], names)
    models = [(n, e) for n, e in ordered if e["kind"] == "models"]
    kernels = [(n, e) for n, e in ordered if e["kind"] == "kernels"]
    titles = [TITLES[p] for p in PEERS]
    peak = any(peak_rate(entry) for _, entry in ordered)
    lines = [
        *introduction(found, peak), *model_tables(models, titles, peak),
        *table("Two threads, int8",
               "Time, and how many times as fast as with one thread in the same rounds (p10-p90).",
               ["model", "qopt", *titles, "fastest peer : qopt (p10-p90)"],
               thread_rows(found["entries"], names)),
        *table("Calibration and compilation",
               "Wall time (processor time), and memory at its peak.",
               ["model", "calibrate", "100 samples", "10,000 samples", "compile int8",
                "compile float"], cost_rows(found.get("costs", {}), names)),
        *table("Kernels, 8 bits in and out, channels last",
               "GMAC/s, and per cent of the `vpdpbusd` peak of the same rounds." if peak else "",
               ["kernel", "qopt", "GMAC/s",
                *[head for title in titles for head in (title, "GMAC/s")]],
               kernel_rows(kernels)),
        *table("Kernels, float, channels last",
               "ONNX Runtime's float convolutions have channels first: their transposes at the "
               "border are timed, too.",
               ["kernel", "qopt", *titles, "fastest peer : qopt", "qopt float : int8"],
               (row for row in float_rows(kernels) if row[1] != "-"))]
    gaps = missing(models + kernels, settings)
    return "\n".join(lines + (["## Not measured", "", *gaps, ""] if gaps else []))


def plot(found, settings, path):
    """How many times as long as qopt's int8 the others take."""
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "qopt"
    from matplotlib import pyplot
    rows = [(n, e) for n, e in order(found["entries"], configured_names(settings))
            if best(e, "qopt", True)]
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.42 * len(rows)))
    marks = dict(zip(PEERS, "os^Dos"))
    for peer in PEERS:
        points = [(b[1]["ratio"], y) for y, (_, e) in enumerate(rows)
                  if (b := best(e, peer, True)) and "ratio" in b[1]]
        if not points:
            continue
        axes.errorbar([r["median"] for r, _ in points], [y for _, y in points],
                      xerr=[[r["median"] - r["p10"] for r, _ in points],
                            [r["p90"] - r["median"] for r, _ in points]],
                      fmt=marks[peer], label=TITLES[peer], markersize=5, linewidth=1)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_xticks([0.5, 1, 2, 4, 8, 16], ["0.5", "1", "2", "4", "8", "16"])
    axes.set_yticks(range(len(rows)), [n for n, _ in rows])
    axes.invert_yaxis()
    axes.grid(axis="x", linewidth=0.3)
    axes.set_xlabel("time of the peer's int8 : time of qopt's int8")
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
