//! The instructions that a shader is compiled to.

use naga::{AtomicFunction, CollectiveOperation, MathFunction, SubgroupOperation};

/// What the words of a value mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    U32,
    I32,
    F32,
    /// Kept as the f32 of the same value.
    F16,
    Bool,
}

impl Kind {
    pub fn is_float(self) -> bool {
        matches!(self, Kind::F32 | Kind::F16)
    }
}

/// One step of a thread. What the fields mean depends on the operation; `n` values in a row are computed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    pub op: Op,
    pub n: u16,
    pub dst: u16,
    pub a: u16,
    pub b: u16,
    pub c: u16,
    pub imm: u32,
}

/// Words that a step fills or moves: as many as a matrix has.
pub const WORDS_A_STEP: usize = 16;

impl Instruction {
    /// Steps that it counts as. A whole array at once takes longer than a number, and is no cheaper way to keep a machine
    /// busy.
    #[inline(always)]
    pub fn steps(&self) -> u64 {
        1 + u64::from(self.n.saturating_sub(1)) / WORDS_A_STEP as u64
    }
}

/// What an instruction does. F is for floats, S for signed integers, U for unsigned ones, I for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    Move,
    /// One value to `n` places.
    Splat,
    /// `n` registers become 0.
    Zero,
    AddF,
    SubF,
    MulF,
    /// By one factor, `b`.
    ScaleF,
    DivF,
    RemF,
    NegF,
    EqF,
    NeF,
    LtF,
    LeF,
    /// To the nearest half.
    RoundHalf,
    AddI,
    SubI,
    MulI,
    ScaleI,
    DivS,
    DivU,
    RemS,
    RemU,
    NegI,
    And,
    Or,
    Xor,
    NotI,
    Shl,
    ShrS,
    ShrU,
    EqI,
    NeI,
    LtS,
    LeS,
    LtU,
    LeU,
    NotB,
    /// `b` where `c`, else `a`; one condition for all where `imm` is 0.
    Select,
    SToF,
    UToF,
    FToS,
    FToU,
    FToB,
    IToB,
    BToF,
    /// Whether all (`imm` 1) or any of `n` are true.
    Reduce,
    IsNan,
    IsInf,
    /// Of floats, one by one.
    Float(MathFunction),
    /// Of integers, one by one; signed where `imm` is 1.
    Integer(MathFunction),
    /// Bit fields; offset and count are in `c` and the register behind it.
    Bits(MathFunction),
    /// Of whole vectors of floats, or packed words.
    Vector(MathFunction),
    /// The offset of an element: `a + b * c`, if `b` is less than `imm`; else no place at all.
    Index,
    /// The same in the runtime-sized array of global `imm`.
    IndexRuntime,
    /// Elements of the runtime-sized array of global `imm`.
    Length,
    /// From registers at `a + b + imm`.
    LoadLocal,
    /// `a` to registers at `dst + b + imm`.
    StoreLocal,
    /// From global `a`, cell `b + imm`, by table `c`.
    Load,
    /// `dst` to global `a`, cell `b + imm`, by table `c`.
    Store,
    /// On global `a`, cell `b + imm`, with the value in `c`; signed where `n` is 1.
    Atomic(Atomic),
    /// Global `a` at coordinates `b` and level `c`.
    Texel,
    /// Width and height of texture `a`.
    TextureSize,
    Barrier,
    /// Together with the other threads of the subgroup: of `a`, with `b` for the lane.
    Subgroup(Together),
    /// To instruction `imm`.
    Jump,
    /// The same if `a` is not true.
    JumpIfNot,
    /// The same if `a` is true.
    JumpIf,
    /// The same if `a` is equal to `b`.
    JumpEqual,
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atomic {
    Load,
    Store,
    Add,
    Subtract,
    And,
    ExclusiveOr,
    InclusiveOr,
    Min,
    Max,
    Exchange,
    /// With what it must be equal to in the register behind the value.
    CompareExchange,
}

impl From<&AtomicFunction> for Atomic {
    fn from(function: &AtomicFunction) -> Atomic {
        match function {
            AtomicFunction::Add => Atomic::Add,
            AtomicFunction::Subtract => Atomic::Subtract,
            AtomicFunction::And => Atomic::And,
            AtomicFunction::ExclusiveOr => Atomic::ExclusiveOr,
            AtomicFunction::InclusiveOr => Atomic::InclusiveOr,
            AtomicFunction::Min => Atomic::Min,
            AtomicFunction::Max => Atomic::Max,
            AtomicFunction::Exchange { compare: None } => Atomic::Exchange,
            AtomicFunction::Exchange { compare: Some(_) } => Atomic::CompareExchange,
        }
    }
}

/// What the threads of a subgroup do together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Together {
    Ballot,
    /// The value of the first active lane.
    First,
    /// Of the lane in `b`.
    From,
    /// Of the lane that is further on by `b`.
    Down,
    Up,
    /// Of the lane whose number differs in the bits of `b`.
    Xor,
    /// Over the active lanes; what kind of numbers stands in `imm`, by [`Kind::number`].
    Collect(SubgroupOperation, CollectiveOperation),
}

impl Kind {
    /// For an instruction's `imm`.
    pub fn number(self) -> u32 {
        self as u32
    }

    pub fn from_number(number: u32) -> Kind {
        [Kind::U32, Kind::I32, Kind::F32, Kind::F16, Kind::Bool]
            .get(number as usize)
            .copied()
            .unwrap_or_default()
    }
}
