//! Kernels are declared in one line each: `kernel!(relu::forward(x) -> (y), items: |p| p.len as usize)`.

/// The [`Kernel`](crate::kernel::Kernel) of `reference::<op>::<function>`, whose arguments name its buffers.
///
/// A buffer is an f32 that is read (before the arrow) or written (behind it), unless more is said behind its name: `u32`;
/// `update` for an output that is computed from its old values; `flag` for one word that any thread may raise, which come
/// last.
///
/// ```text
/// kernel!(max_pool2d::forward(x) -> (y, argmax: u32), items: planes)
/// kernel!(adam::step(gradient) -> (parameter: update, m: update, v: update, non_finite: flag), items: |p| p.len as usize)
/// ```
///
/// `items` is how many pieces the outputs can be computed in. The one rung is plain: the entry point `function` of the
/// module's `SOURCE`, with a thread for each item. Other rungs are given by `Kernel { rungs: &[…], ..kernel!(…) }`. A
/// last argument `fast` says that the CPU has a function of its own, `cpu::<op>::<function>`; `four` that there is a second
/// rung in `FOUR_SOURCE`, whose threads own four items each.
macro_rules! kernel {
    ($op:ident::$function:ident
     ($($input:ident $(: $in:ident)?),+) -> ($($output:ident $(: $($out:ident)+)?),+), items: $items:expr) => {
        $crate::kernel::Kernel {
            name: concat!(stringify!($op), ".", stringify!($function)),
            buffers: &[
                $($crate::kernel::buffer!($input, Read, $($in)?),)+
                $($crate::kernel::buffer!($output, Write, $($($out)+)?)),+
            ],
            reference: $crate::kernel::Reference {
                items: $items,
                f32: |p, items, inputs, outputs| $crate::kernel::call!(
                    $crate::reference::$op::$function::<f32>, (p, items),
                    inputs, ($($input $(: $in)?),+), outputs, ($($output $(: $($out)+)?),+)),
                f64: |p, items, inputs, outputs| $crate::kernel::call!(
                    $crate::reference::$op::$function::<f64>, (p, items),
                    inputs, ($($input $(: $in)?),+), outputs, ($($output $(: $($out)+)?),+)),
            },
            cpu: None,
            rungs: &[$crate::kernel::Rung::plain(
                SOURCE,
                &[$crate::kernel::Pass::new(stringify!($function), $crate::kernel::Grid::Threads($items))],
            )],
            flop: |_| 0.0,
        }
    };
    ($op:ident::$function:ident
     ($($input:ident $(: $in:ident)?),+) -> ($($output:ident $(: $($out:ident)+)?),+), items: $items:expr, fast) => {
        $crate::kernel::Kernel {
            cpu: Some(|p, inputs, outputs| $crate::kernel::call!(
                $crate::cpu::$op::$function, (p),
                inputs, ($($input $(: $in)?),+), outputs, ($($output $(: $($out)+)?),+))),
            ..$crate::kernel::kernel!(
                $op::$function($($input $(: $in)?),+) -> ($($output $(: $($out)+)?),+), items: $items)
        }
    };
    ($op:ident::$function:ident
     ($($input:ident $(: $in:ident)?),+) -> ($($output:ident $(: $($out:ident)+)?),+), items: $items:expr, four) => {
        $crate::kernel::Kernel {
            rungs: &[
                $crate::kernel::Rung::plain(
                    SOURCE,
                    &[$crate::kernel::Pass::new(stringify!($function), $crate::kernel::Grid::Threads($items))],
                ),
                $crate::kernel::Rung::new(
                    "2_four",
                    FOUR_SOURCE,
                    &[$crate::kernel::Pass::new(
                        stringify!($function),
                        $crate::kernel::Grid::ThreadsOfFour($items),
                    )],
                ),
            ],
            ..$crate::kernel::kernel!(
                $op::$function($($input $(: $in)?),+) -> ($($output $(: $($out)+)?),+), items: $items)
        }
    };
}

/// The [`Buffer`](crate::kernel::Buffer) that a name, and what is said behind it, declare.
macro_rules! buffer {
    ($name:ident, $usage:ident,) => { $crate::kernel::buffer!($name, F32 $usage) };
    ($name:ident, $usage:ident, u32) => { $crate::kernel::buffer!($name, U32 $usage) };
    ($name:ident, Write, update) => { $crate::kernel::buffer!($name, F32 Update) };
    ($name:ident, Write, update u32) => { $crate::kernel::buffer!($name, U32 Update) };
    ($name:ident, Write, flag) => { $crate::kernel::buffer!($name, U32 Flag) };
    ($name:ident, $kind:ident $usage:ident) => {
        $crate::kernel::Buffer {
            name: stringify!($name),
            kind: $crate::tensor::Kind::$kind,
            usage: $crate::kernel::Usage::$usage,
        }
    };
}

/// Calls a function with typed slices for the inputs and outputs, in order.
macro_rules! call {
    ($function:path, ($($first:ident),+),
     $inputs:ident, ($($input:ident $(: $in:ident)?),+), $outputs:ident, ($($output:ident $(: $($out:ident)+)?),+)) => {{
        let mut inputs = $inputs.iter().copied();
        let mut outputs = $outputs.iter_mut();
        $(let $input = $crate::kernel::slice!(inputs, $($in)?);)+
        $(let $output = $crate::kernel::slice!(outputs, $($($out)+)?);)+
        $function($($first),+, $($input),+, $($output),+)
    }};
}

/// The next of `buffers`, by what is said of it: a function that wants another type does not compile.
macro_rules! slice {
    ($buffers:ident, $(update)?) => {
        $buffers.next().expect("a slice for each buffer").floats()
    };
    ($buffers:ident, $($how:ident)+) => {
        $buffers.next().expect("a slice for each buffer").uints()
    };
}

pub(crate) use {buffer, call, kernel, slice};
