//! What WGSL means, on small sources: compared with words that were computed by hand, and with the software adapter's.

use crate::driver::Driver;
use pawgrad::microscope::finding::Kind;
use pawgrad::microscope::job::Job;
use pawgrad::microscope::proof::{Settings, prove};

/// A source's name, its functions, the body of its entry point, and the words that it writes to `y`.
struct Sample {
    name: &'static str,
    before: &'static str,
    body: &'static str,
    words: Vec<u32>,
}

fn f(value: f32) -> u32 {
    value.to_bits()
}

fn i(value: i32) -> u32 {
    value as u32
}

fn sample(name: &'static str, before: &'static str, body: &'static str, words: Vec<u32>) -> Sample {
    Sample { name, before, body, words }
}

fn samples() -> Vec<Sample> {
    vec![
        sample(
            "integers wrap",
            "",
            "let big = x[0]; y[0] = big + 2u; y[1] = big * big; y[2] = bitcast<u32>(-bitcast<i32>(x[1]));
            y[3] = bitcast<u32>(bitcast<i32>(x[1]) - 1); y[4] = bitcast<u32>(i32(x[2]) / -2); y[5] = bitcast<u32>(-i32(x[2]) % 3);",
            vec![1, 1, 0x8000_0000, 0x7fff_ffff, i(-3), i(-1)],
        ),
        sample(
            "shifts",
            "",
            "y[0] = x[2] << 3u; y[1] = bitcast<u32>(bitcast<i32>(x[0]) >> x[3]); y[2] = x[0] >> 28u;
            let v = vec2(x[2], x[3]) << vec2(1u, 2u); y[3] = v.x; y[4] = v.y;",
            vec![56, u32::MAX, 15, 14, 12],
        ),
        sample(
            "conversions saturate",
            "",
            "let z = f32(x[4]); y[0] = bitcast<u32>(i32(3e9 + z)); y[1] = bitcast<u32>(i32(-3e9 - z)); y[2] = u32(-1.5 - z);
            y[3] = u32(2.9 + z); y[4] = bitcast<u32>(f32(i32(x[2]) - 9)); y[5] = u32(bool(x[2])); y[6] = bitcast<u32>(f32(x[0]));",
            // WGSL clamps to what both types have: the largest f32 that is an i32 is 2^31 - 128.
            vec![2_147_483_520, 0x8000_0000, 0, 2, f(-2.0), 1, f(4294967296.0)],
        ),
        sample(
            "select and swizzles",
            "",
            "let v = vec4(x[2], x[3], x[4], x[5]); let t = v.wzyx; y[0] = t.x; y[1] = t.y; y[2] = v.yw.y; y[3] = select(1u, 2u, x[2] > 6u);
            let s = select(v, t, v > vec4(2u)); y[4] = s.x; y[5] = s.y; y[6] = s.z; y[7] = s.w;",
            vec![10, 0, 10, 2, 10, 0, 0, 7],
        ),
        sample(
            "products of matrices",
            "",
            "let o = f32(x[3] - 2u); let m = mat2x3(o, 2.0, 3.0, 4.0, 5.0, 6.0); let v = m * vec2(1.0, 10.0); let r = vec3(1.0, 0.0, 2.0) * m;
            y[0] = bitcast<u32>(v.x); y[1] = bitcast<u32>(v.y); y[2] = bitcast<u32>(v.z); y[3] = bitcast<u32>(r.x); y[4] = bitcast<u32>(r.y);
            let p = transpose(m) * m; y[5] = bitcast<u32>(p[0].x); y[6] = bitcast<u32>(p[1].x); y[7] = bitcast<u32>(p[1].y);
            y[8] = bitcast<u32>(determinant(mat2x2(o, 2.0, 3.0, 4.0))); y[9] = bitcast<u32>((m * 2.0)[1].z);",
            [41.0, 52.0, 63.0, 7.0, 16.0, 14.0, 32.0, 77.0, -2.0, 12.0].map(f).to_vec(),
        ),
        sample(
            "copies of structures, and pointers",
            "struct Inner { a: u32, v: vec2<u32> } struct Outer { i: Inner, list: array<u32, 3> }
            fn bump(o: ptr<function, Outer>, by: u32) { (*o).list[by] += by; (*o).i.v.y = (*o).i.a * by; }
            fn first(list: ptr<function, array<u32, 3>>) -> u32 { return (*list)[0]; }",
            "var one = Outer(Inner(x[2], vec2(1u, 2u)), array(10u, 20u, 30u)); let copy = one; var two = one; bump(&two, x[3] - 1u);
            y[0] = one.list[2]; y[1] = two.list[2]; y[2] = two.i.v.y; y[3] = copy.i.v.y; one.list = two.list; y[4] = one.list[2];
            y[5] = first(&one.list); var k = x[4]; for (; k < 3u; k++) { y[6] += one.list[k]; }",
            vec![30, 32, 14, 2, 32, 10, 62],
        ),
        sample(
            "a value that was read before its variable changed",
            "fn assign(v: ptr<function, u32>) -> u32 { *v = 5u; return *v; }",
            "var a = x[2]; let before = a; a = a + 1u; y[0] = before; y[1] = a; let b = a; if (x[2] == 7u) { a = 100u; } y[2] = b; y[3] = a;
            y[4] = a + assign(&a); var v = vec2(1u, 2u); let part = v.y; v.y = 9u; y[5] = part; let w = v; v = vec2(v.y, v.x); y[6] = w.x; y[7] = v.x;
            var s = 3u; let t = s; loop { s++; if (s > 6u) { break; } } y[8] = t;",
            vec![7, 8, 8, 100, 105, 2, 1, 9, 3],
        ),
        sample(
            "switch",
            "fn pick(k: u32) -> u32 { switch k { case 1u, 2u: { return 10u; } case 3u: { break; } default: { return 30u; } } return 20u; }",
            "y[0] = pick(1u); y[1] = pick(2u); y[2] = pick(3u); y[3] = pick(9u); switch i32(x[2]) - 8 { case -1: { y[4] = 1u; } default { y[4] = 2u; } }",
            vec![10, 10, 20, 30, 1],
        ),
        sample(
            "loops with continuing and break if",
            "",
            "var k = 0u; var sum = 0u; loop { if (k == 3u) { continue; } sum += k; continuing { k++; break if k >= 6u; } } y[0] = sum; y[1] = k;
            var j = 0u; while (true) { j++; if (j % 2u == 0u) { continue; } if (j > 8u) { break; } sum += 100u; } y[2] = sum; y[3] = j;
            for (var a = 0u; a < 3u; a++) { for (var b = 0u; b < 3u; b++) { if (b > a) { break; } y[4] += 1u; } }",
            vec![12, 6, 412, 9, 6],
        ),
        sample(
            "nested calls that return early",
            "fn inner(k: u32) -> u32 { if (k > 5u) { return k; } for (var j = 0u; j < 9u; j++) { if (j == k) { return j * 10u; } } return 99u; }
            fn outer(k: u32) -> u32 { if (inner(k) < 20u) { return inner(k) + inner(k + 5u); } return inner(k); }",
            "y[0] = outer(x[3] - 2u); y[1] = outer(x[3]); y[2] = outer(x[2]);",
            vec![16, 30, 19],
        ),
        sample(
            "atomics",
            "var<workgroup> a: atomic<u32>; var<workgroup> s: atomic<i32>;",
            "atomicStore(&a, 5u); y[0] = atomicAdd(&a, 3u); y[1] = atomicMax(&a, 100u); y[2] = atomicLoad(&a); y[3] = atomicExchange(&a, 6u);
            let r = atomicCompareExchangeWeak(&a, 6u, 8u); y[4] = r.old_value; y[5] = u32(r.exchanged); let q = atomicCompareExchangeWeak(&a, 6u, 9u);
            y[6] = q.old_value; y[7] = u32(q.exchanged); atomicStore(&s, -4); y[8] = bitcast<u32>(atomicMin(&s, 2)); y[9] = bitcast<u32>(atomicMax(&s, 2));
            y[10] = bitcast<u32>(atomicSub(&s, 1)); atomicXor(&a, 1u); y[11] = atomicAnd(&a, 1u);",
            vec![5, 8, 100, 100, 6, 1, 8, 0, i(-4), i(-4), 2, 9],
        ),
        sample(
            "vectors of three are padded",
            "struct Padded { v: vec3<u32>, w: u32, list: array<vec3<u32>, 2> } var<workgroup> p: Padded; var<workgroup> m: mat2x3<f32>;",
            "p = Padded(vec3(1u, 2u, 3u), 4u, array(vec3(5u, 6u, 7u), vec3(8u, 9u, x[2]))); m = mat2x3(1.0, 2.0, 3.0, 4.0, 5.0, 6.0); let k = x[3] - 2u;
            y[0] = p.w; y[1] = p.list[k].z; y[2] = p.list[k - 1u][k]; y[3] = u32(m[k].y); y[4] = u32(m[k][k + 1u]); let all = p; y[5] = all.list[0].z;",
            vec![4, 7, 6, 5, 6, 7],
        ),
        sample(
            "NaN",
            "",
            "let nan = bitcast<f32>(x[6]); y[0] = u32(nan == nan); y[1] = u32(nan != nan); y[2] = u32(nan < 1.0); y[3] = u32(!(nan <= 1.0));
            y[4] = u32((bitcast<u32>(nan + 1.0) & 0x7fffffffu) > 0x7f800000u);",
            vec![0, 1, 0, 1, 1],
        ),
        sample(
            "packing",
            "",
            "let o = f32(x[3]) / 3.0; y[0] = pack4x8unorm(vec4(0.0, o, 0.5, 2.0)); y[1] = pack4x8snorm(vec4(-o, o, 0.0, 0.5)); y[2] = pack2x16float(vec2(o, -2.0));
            y[3] = bitcast<u32>(unpack2x16float(y[2]).y); y[4] = bitcast<u32>(unpack4x8unorm(y[0]).y); y[5] = pack2x16unorm(vec2(o, 0.0));",
            vec![0xff80_ff00, 0x4000_7f81, 0xc000_3c00, f(-2.0), f(1.0), 0xffff],
        ),
        sample(
            "bits",
            "",
            "y[0] = countOneBits(x[2]); y[1] = firstLeadingBit(x[2]); y[2] = firstTrailingBit(12u + x[4]); y[3] = reverseBits(x[3]); y[4] = countLeadingZeros(x[2]);
            y[5] = extractBits(0xabcdu + x[4], 4u, 8u); y[6] = bitcast<u32>(extractBits(i32(0x80u + x[4]), 4u, 4u)); y[7] = insertBits(x[0], 0u, 8u, 4u);
            y[8] = bitcast<u32>(abs(-i32(x[2]))); y[9] = clamp(x[2], 1u, 5u); y[10] = bitcast<u32>(sign(-i32(x[2])));",
            vec![3, 2, 2, 0xc000_0000, 29, 0xbc, i(-8), 0xffff_f0ff, 7, 5, i(-1)],
        ),
        sample(
            "functions of floats",
            "",
            "let o = f32(x[3]) / 3.0; y[0] = bitcast<u32>(floor(-1.5 * o)); y[1] = bitcast<u32>(round(2.5 * o)); y[2] = bitcast<u32>(fract(1.25 * o));
            y[3] = bitcast<u32>(step(o, 0.5)); y[4] = bitcast<u32>(mix(o, 3.0, 0.5)); y[5] = bitcast<u32>(fma(o, 2.0, 3.0)); y[6] = bitcast<u32>(sqrt(4.0 * o));
            y[7] = bitcast<u32>(dot(vec3(o, 2.0, 3.0), vec3(4.0, 5.0, 6.0))); y[8] = bitcast<u32>(cross(vec3(o, 0.0, 0.0), vec3(0.0, o, 0.0)).z);
            y[9] = bitcast<u32>(length(vec2(3.0 * o, 4.0))); y[10] = bitcast<u32>(clamp(o, 2.0, 3.0)); y[11] = bitcast<u32>(trunc(-1.5 * o)); y[12] = bitcast<u32>(sign(-o));",
            [-2.0, 2.0, 0.25, 0.0, 2.0, 5.0, 2.0, 32.0, 1.0, 5.0, 2.0, -1.0, -1.0].map(f).to_vec(),
        ),
        sample(
            "a value from before a block that changes its variable",
            "",
            "var v = x[2]; let a = v; { v = v + 5u; } let b = v * 3u; let c = b * 7u; y[0] = a + c;
            let d = v; { for (var i = 0u; i < 2u; i++) { v = v + i + 1u; } } let e = v * 3u; let g = e * 7u; y[1] = d + g; y[2] = v;",
            vec![7 + 12 * 21, 12 + 15 * 21, 15],
        ),
        sample(
            "a condition that the result takes the place of",
            "",
            "var b = vec2(x[4] == 0u, false); b = select(vec2(true), vec2(false), b.x); y[0] = u32(b.x) + 2u * u32(b.y);
            var c = vec2(false, x[4] == 0u); c = select(vec2(true, false), vec2(false, true), c); y[1] = u32(c.x) + 2u * u32(c.y);
            var v = vec2(x[2], 16u); v = extractBits(v, 1u, v.x - 4u); y[2] = v.x; y[3] = v.y;",
            vec![0, 3, 3, 0],
        ),
        sample(
            "short circuits, private and constant arrays",
            "var<private> hidden: array<u32, 4>; const TABLE = array(3u, 1u, 4u); fn touch() -> bool { hidden[1] += 1u; return true; }",
            "if (x[4] == 1u && touch()) { y[0] = 9u; } if (x[4] == 0u || touch()) { y[1] = 8u; } y[2] = hidden[1]; if (x[2] == 7u && touch()) { y[3] = hidden[1]; }
            y[4] = TABLE[x[3] - 1u]; var local = TABLE; y[5] = local[x[4]];",
            vec![0, 8, 0, 1, 4, 3],
        ),
    ]
}

/// What `x` holds.
const X: [u32; 8] = [u32::MAX, 0x8000_0000, 7, 3, 0, 10, 0x7fc0_0000, 0];
const WORDS: usize = 16;

fn text(sample: &Sample) -> String {
    format!(
        "@group(0) @binding(0) var<storage, read> x: array<u32>;
        @group(0) @binding(1) var<storage, read_write> y: array<u32>;
        {}
        @compute @workgroup_size(1) fn main() {{ for (var k = 0u; k < 16u; k++) {{ y[k] = 0u; }} {} }}",
        sample.before, sample.body
    )
}

fn padded(words: &[u32]) -> Vec<u32> {
    let mut words = words.to_vec();
    words.resize(WORDS, 0);
    words
}

fn interpret(text: &str) -> Result<Vec<u32>, String> {
    let job = Job::of_text(text, "main", [1, 1, 1], &[], [&["x"], &["y"]]).map_err(|why| why.to_string())?;
    let report = prove(&job, &job.buffers(&[X.to_vec()], &[vec![7; WORDS]]), Settings::default());
    let report = report.map_err(|why| why.to_string())?;
    match &report.findings[..] {
        [] => Ok(report.outputs[0].clone()),
        [first, ..] => Err(first.to_string()),
    }
}

#[test]
fn sources_mean_what_wgsl_says() {
    for sample in samples() {
        let got = interpret(&text(&sample));
        assert_eq!(got, Ok(padded(&sample.words)), "{}", sample.name);
    }
}

#[test]
fn a_driver_agrees() {
    let driver = Driver::open();
    let mut broken = Vec::new();
    // WGSL lets drivers assume that there are no NaNs.
    for sample in samples().into_iter().filter(|sample| sample.name != "NaN") {
        // naga's SPIR-V writer panics at some sources that it has checked itself.
        let run = || driver.run(&text(&sample), &X, WORDS);
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)) {
            Ok(words) => assert_eq!(words, padded(&sample.words), "{}", sample.name),
            Err(_) => broken.push(sample.name),
        }
    }
    assert!(broken.len() <= 1, "{broken:?}");
}

#[test]
fn halves_are_rounded_after_every_operation() {
    // 2048 + 1 is no half: it is rounded to the even one. 0.1 and its square are the nearest halves.
    let text = "enable f16;
        @group(0) @binding(0) var<storage, read> x: array<u32>;
        @group(0) @binding(1) var<storage, read_write> y: array<u32>;
        @compute @workgroup_size(1) fn main() {
            for (var k = 0u; k < 16u; k++) { y[k] = 0u; }
            let big = f16(2048.0 + f32(x[4])); let tenth = f16(0.1 + f32(x[4]));
            y[0] = bitcast<u32>(f32(big + 1h - big)); y[1] = bitcast<u32>(f32(tenth)); y[2] = bitcast<u32>(f32(tenth * tenth));
            y[3] = bitcast<u32>(f32(fma(tenth, tenth, 1h))); y[4] = bitcast<u32>(f32(vec2(tenth, big).y * 40h));
        }";
    let tenth: f32 = 0.099975586;
    let half = |v: f32| half::f16::from_f32(v).to_f32();
    let wanted = [0.0, tenth, half(tenth * tenth), half(1.0 + tenth * tenth), f32::INFINITY].map(f);
    assert_eq!(interpret(text), Ok(padded(&wanted)));
}

/// Subgroups: a broadcast, sums, and lanes that left.
#[test]
fn threads_of_a_subgroup_exchange_values() {
    let text = "@group(0) @binding(0) var<storage, read> x: array<u32>;
        @group(0) @binding(1) var<storage, read_write> y: array<u32>;
        @compute @workgroup_size(16)
        fn main(@builtin(local_invocation_index) t: u32, @builtin(subgroup_invocation_id) lane: u32) {
            let sum = subgroupAdd(t); let given = subgroupBroadcast(t, 2u); let before = subgroupExclusiveAdd(1u);
            let turned = subgroupShuffleXor(t, 1u); var out = sum + 1000u * given + 100000u * u32(before == lane);
            if (lane < 3u) { out += 1000000u * u32(subgroupAny(lane == 2u) && !subgroupAll(lane == 2u) && turned == (t ^ 1u)); }
            let votes = subgroupBallot(lane == 1u); y[t] = out + 10000000u * votes.x;
        }";
    let job = Job::of_text(text, "main", [1, 1, 1], &[], [&["x"], &["y"]]).unwrap();
    let settings = Settings { subgroup: 8, ..Settings::default() };
    let report = prove(&job, &job.buffers(&[X.to_vec()], &[vec![0; WORDS]]), settings).unwrap();
    let wanted = |t: u32| {
        let (sum, from) = if t < 8 { (28, 2) } else { (92, 10) };
        sum + 1000 * from + 100_000 + if t % 8 < 3 { 1_000_000 } else { 0 } + 20_000_000
    };
    assert_eq!(report.outputs[0], (0..16).map(wanted).collect::<Vec<_>>());
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

/// A shift that leads out of the subgroup gives what nobody should use: sums and scans do not, and that is no mistake.
#[test]
fn a_shift_out_of_the_subgroup_is_a_mistake_where_its_value_is_used() {
    let run = |body: &str| {
        let text = format!(
            "@group(0) @binding(0) var<storage, read> x: array<u32>;
            @group(0) @binding(1) var<storage, read_write> y: array<u32>;
            @compute @workgroup_size(16)
            fn main(@builtin(local_invocation_index) t: u32, @builtin(subgroup_invocation_id) lane: u32) {{ var v = t + 1u; {body} }}"
        );
        let job = Job::of_text(&text, "main", [1, 1, 1], &[], [&["x"], &["y"]]).unwrap();
        let settings = Settings { subgroup: 8, ..Settings::default() };
        let report = prove(&job, &job.buffers(&[X.to_vec()], &[vec![0; WORDS]]), settings).unwrap();
        (report.findings.len(), report.outputs[0].clone())
    };
    let sum =
        "v += subgroupShuffleDown(v, 4u); v += subgroupShuffleDown(v, 2u); v += subgroupShuffleDown(v, 1u);
        if (lane == 0u) { y[t] = v; }";
    let mut sums = vec![0; WORDS];
    (sums[0], sums[8]) = (36, 100);
    assert_eq!(run(sum), (0, sums));
    let scan = "for (var by = 1u; by < 8u; by *= 2u) { let u = subgroupShuffleUp(v, by); if (lane >= by) { v += u; } } y[t] = v;";
    let scanned = |t: u32| (8 * (t / 8)..=t).map(|i| i + 1).sum::<u32>();
    assert_eq!(run(scan), (0, (0..16).map(scanned).collect()));
    let (findings, used) = run("y[t] = v + subgroupShuffleDown(v, 1u);");
    assert!(findings == 0 && used[6] == 15 && used[7] != 17 && used[7] != 8, "{used:?}");
    // To name a lane that is not there is a mistake in itself.
    assert!(run("y[t] = subgroupShuffle(v, 9u);").0 > 0);
}

/// A component of a vector is not a place of its own: to write one may write its vector.
#[test]
fn two_threads_may_not_write_components_of_one_vector() {
    let run = |writes: &str| {
        let text = format!(
            "var<workgroup> tile: array<vec2<f32>, 4>;
            @group(0) @binding(0) var<storage, read_write> y: array<f32>;
            @compute @workgroup_size(2)
            fn main(@builtin(local_invocation_index) t: u32) {{
                {writes}
                workgroupBarrier();
                y[t] = tile[0].x + tile[0].y;
            }}"
        );
        let job = Job::of_text(&text, "main", [1, 1, 1], &[], [&[], &["y"]]).unwrap();
        prove(&job, &job.buffers(&[], &[vec![0; 2]]), Settings::default()).unwrap().findings
    };
    let both = run("if (t == 0u) { tile[0].x = 1.0; } else { tile[0].y = 2.0; }");
    assert_eq!(both[0].kind, Kind::Race, "{both:?}");
    assert!(both[0].what.contains("tile[0]."), "{}", both[0].what);
    assert!(run("if (t == 0u) { tile[0].x = 1.0; tile[0].y = 2.0; }").is_empty());
    // What is not written has its own name.
    let half = run("if (t == 0u) { tile[0].x = 1.0; }");
    assert!(half[0].what.contains("tile[0].y is read, but nobody wrote it"), "{half:?}");
}
