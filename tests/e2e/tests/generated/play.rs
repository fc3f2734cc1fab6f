//! Plays a step through the proxy and on the twin and says what came of it. It must never call a difference a refusal:
//! a refusal is the proxy's 0A000 or 42501 where PostgreSQL answered something else.

use super::encode::binary;
use super::leak;
use super::masked::{COPY_HEAD, masked};
use super::script::{Mode, Piece, Script, Wrap};
use hippocrypt_e2e::raw::{self, Message, Raw};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered as by the twin, without an error in the first statements.
    Same,
    /// The same error on both.
    SameError(String),
    /// By the proxy; what it said, and PostgreSQL's SQLSTATE if it had an error of its own.
    Refused(String, Option<String>),
    /// Not as the twin.
    Different(String),
}

/// Both ends.
pub struct Pair {
    pub through: Raw,
    pub twin: Raw,
    /// Sees what the proxy answered before it is compared: a test of the tests plants a bug here.
    pub plant: fn(&Piece, &mut Vec<String>),
}

/// The connection ended, or fell silent.
struct Gone(String);

impl Pair {
    /// A step, in its transaction; afterwards both sessions are outside of any.
    pub fn play(&mut self, script: &Script, mode: Mode) -> Outcome {
        let attempt = catch_unwind(AssertUnwindSafe(|| self.attempt(script, mode)));
        match attempt {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(Gone(why))) => Outcome::Different(why),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                Outcome::Different(format!("panic: {text}"))
            }
        }
    }

    fn attempt(&mut self, script: &Script, mode: Mode) -> Result<Outcome, Gone> {
        if let Wrap::Block(_) = script.wrap {
            both(self, "BEGIN")?;
        }
        let outcome = match script.pipeline && mode != Mode::Simple {
            true => self.pipeline(script, mode)?,
            false => self.pieces(script, mode)?,
        };
        let kept = matches!(outcome, Outcome::Same | Outcome::SameError(_));
        let end = match script.wrap {
            Wrap::Block(end) if kept => end,
            Wrap::Alone if kept => return Ok(outcome),
            Wrap::Settings => "RESET ALL",
            _ => "ROLLBACK",
        };
        let (a, b) = both(self, end)?;
        if kept && script.wrap != Wrap::Own && a != b {
            return Ok(Outcome::Different(format!(
                "{end}\n  proxy {a:?}\n  twin  {b:?}"
            )));
        }
        Ok(outcome)
    }

    fn pieces(&mut self, script: &Script, mode: Mode) -> Result<Outcome, Gone> {
        let mut error = None;
        for piece in &script.pieces {
            let a = converse(&mut self.through, piece, mode)?;
            let refused = refusal(&a);
            // Outside of a block the twin must not do what the proxy refused to.
            let alone = script.wrap.is_open() && refused.is_some();
            if alone {
                self.twin_alone("BEGIN")?;
            }
            let b = converse(&mut self.twin, &piece.for_twin(), mode)?;
            if alone {
                self.twin_alone("ROLLBACK")?;
            }
            match self.compare(piece, &a, &b, mode, alone) {
                Outcome::Same => {}
                // what follows may be about something that was not made: no name the policy knows
                Outcome::SameError(code) if refused.is_some() => {
                    return Ok(Outcome::SameError(code));
                }
                Outcome::SameError(code) => error = error.or(Some(code)),
                other => return Ok(other),
            }
        }
        Ok(error.map_or(Outcome::Same, Outcome::SameError))
    }

    fn compare(
        &self,
        piece: &Piece,
        a: &[Message],
        b: &[Message],
        mode: Mode,
        alone: bool,
    ) -> Outcome {
        let mut said = answer(a, piece);
        let wanted = answer(&masked(b, piece), piece);
        (self.plant)(piece, &mut said);
        if let Some(mark) = leak::shown(&said).filter(|_| piece.hidden) {
            let sql = piece.render(mode).0;
            return Outcome::Different(format!("{mark:?} is shown\n    {sql}\n    {said:?}"));
        }
        if let Some(mark) = leak::shown(&errors(a)) {
            let sql = piece.render(mode).0;
            return Outcome::Different(format!("{mark:?} is in an error\n    {sql}\n    {a:?}"));
        }
        let code = raw::sqlstate(b);
        if let (Some(why), true) = (refusal(a), raw::sqlstate(a) != code) {
            return Outcome::Refused(why, code);
        }
        if said == wanted || (alone && code.is_some() && raw::sqlstate(a) == code) {
            return code.map_or(Outcome::Same, Outcome::SameError);
        }
        Outcome::Different(differing(&piece.render(mode).0, &said, &wanted, a))
    }

    /// All pieces in one Sync group.
    fn pipeline(&mut self, script: &Script, mode: Mode) -> Result<Outcome, Gone> {
        let mut frames = Vec::new();
        for (i, piece) in script.pieces.iter().enumerate() {
            let (sql, slots) = piece.render(mode);
            let name = if i % 2 == 0 {
                String::new()
            } else {
                format!("p{i}")
            };
            let oids: Vec<u32> = slots.iter().map(|s| s.ty.oid).collect();
            frames.push(raw::parse(&name, &sql, &oids));
            frames.push(bind(piece, mode, &name, &oids));
            frames.push(raw::describe(b'P', ""));
            frames.push(raw::execute("", piece.fetch));
            if i % 2 == 1 {
                frames.push(raw::close(b'S', &name));
            }
        }
        frames.push(raw::sync());
        self.through.pipeline(&frames);
        let a = until(&mut self.through, "Z")?;
        let alone = script.wrap.is_open() && refusal(&a).is_some();
        if alone {
            self.twin_alone("BEGIN")?;
        }
        self.twin.pipeline(&frames);
        let b = until(&mut self.twin, "Z")?;
        if alone {
            self.twin_alone("ROLLBACK")?;
        }
        let piece = script.pieces.first().expect("a pipeline has statements");
        Ok(self.compare(piece, &a, &b, mode, alone))
    }

    fn twin_alone(&mut self, sql: &str) -> Result<(), Gone> {
        let piece = Piece::new(sql.to_owned(), vec![]);
        converse(&mut self.twin, &piece, Mode::Simple).map(drop)
    }
}

fn both(pair: &mut Pair, sql: &str) -> Result<(Vec<String>, Vec<String>), Gone> {
    let piece = Piece::new(sql.to_owned(), vec![]);
    let a = converse(&mut pair.through, &piece, Mode::Simple)?;
    let b = converse(&mut pair.twin, &piece, Mode::Simple)?;
    Ok((answer(&a, &piece), answer(&b, &piece)))
}

/// Sends a piece and collects the whole answer.
fn converse(raw: &mut Raw, piece: &Piece, mode: Mode) -> Result<Vec<Message>, Gone> {
    let (sql, slots) = piece.render(mode);
    if mode == Mode::Simple {
        raw.send(&raw::query(&sql));
        return finish(raw, piece, Vec::new(), false);
    }
    raw.pipeline(&[
        raw::parse("", &sql, &[]),
        raw::describe(b'S', ""),
        raw::flush(),
    ]);
    let mut answers = until(raw, "TnE")?;
    if answers.iter().any(|m| m.tag == 'E') {
        raw.send(&raw::sync());
        answers.extend(until(raw, "Z")?);
        return Ok(answers);
    }
    let told = answers
        .iter()
        .find(|m| m.tag == 't')
        .map(oids)
        .unwrap_or_default();
    if told.len() != slots.len() {
        return Err(Gone(format!(
            "{sql}: ParameterDescription has {} parameters, not {}",
            told.len(),
            slots.len()
        )));
    }
    let mut frames = vec![bind(piece, mode, "", &told), raw::describe(b'P', "")];
    if piece.fetch > 0 {
        frames.extend([raw::execute("", piece.fetch), raw::execute("", piece.fetch)]);
    }
    frames.push(raw::execute("", 0));
    // a Sync right behind COPY FROM is what libpq sends, and ignored; others wait for CopyInResponse
    let waits = piece.copy_data.as_ref().is_some_and(|d| d.len() % 2 == 1);
    frames.push(if waits { raw::flush() } else { raw::sync() });
    raw.pipeline(&frames);
    if waits {
        answers.extend(until(raw, "GEC")?);
        if answers.last().is_some_and(|m| m.tag != 'G') {
            raw.send(&raw::sync());
        }
    }
    finish(raw, piece, answers, true)
}

/// The rest of an answer; CopyData when it is asked for.
fn finish(
    raw: &mut Raw,
    piece: &Piece,
    mut answers: Vec<Message>,
    extended: bool,
) -> Result<Vec<Message>, Gone> {
    loop {
        match answers.last().map(|m| m.tag) {
            Some('Z') => return Ok(answers),
            Some('G') => {
                let data = piece.copy_data.clone().unwrap_or_default();
                let mut frames: Vec<Vec<u8>> = data.chunks(37).map(raw::copy_data).collect();
                frames.push(raw::copy_done());
                if extended {
                    // While it takes data the server ignores the Sync that was sent with Execute.
                    frames.push(raw::sync());
                }
                raw.pipeline(&frames);
            }
            _ => {}
        }
        answers.extend(until(raw, "ZG")?);
    }
}

fn until(raw: &mut Raw, tags: &str) -> Result<Vec<Message>, Gone> {
    let mut messages = Vec::new();
    loop {
        let Some(message) = raw.receive() else {
            return Err(Gone(format!("connection closed after {messages:?}")));
        };
        let last = tags.contains(message.tag);
        messages.push(message);
        if last {
            return Ok(messages);
        }
    }
}

/// Bind to the unnamed portal: a format per parameter.
fn bind(piece: &Piece, mode: Mode, statement: &str, oids: &[u32]) -> Vec<u8> {
    let (_, slots) = piece.render(mode);
    let wanted = u16::from(mode == Mode::ExtendedBinary);
    let values: Vec<(u16, Option<Vec<u8>>)> = slots
        .iter()
        .zip(oids)
        .map(|(slot, oid)| match &slot.value {
            None => (wanted, None),
            Some(text) => match binary(text, *oid).filter(|_| wanted == 1) {
                Some(bytes) => (1, Some(bytes)),
                None => (0, Some(text.clone().into_bytes())),
            },
        })
        .collect();
    let mut body = [&[0], statement.as_bytes(), &[0]].concat();
    let count = u16::try_from(values.len()).unwrap().to_be_bytes();
    body.extend(count);
    values
        .iter()
        .for_each(|(f, _)| body.extend(f.to_be_bytes()));
    body.extend(count);
    for (_, value) in values {
        match value {
            None => body.extend((-1_i32).to_be_bytes()),
            Some(v) => {
                body.extend(u32::try_from(v.len()).unwrap().to_be_bytes());
                body.extend(v);
            }
        }
    }
    body.extend([0, 1]);
    body.extend(wanted.to_be_bytes());
    raw::frame(b'B', &body)
}

fn oids(message: &Message) -> Vec<u32> {
    message.body[2..]
        .chunks(4)
        .map(|c| u32::from_be_bytes(c.try_into().unwrap()))
        .collect()
}

/// The proxy's "no", if this is one.
fn refusal(messages: &[Message]) -> Option<String> {
    let error = messages.iter().find(|m| m.tag == 'E')?.fields();
    let (code, text) = (error.get(&'C')?, error.get(&'M')?);
    (code == "0A000" || code == "42501").then(|| format!("{code} {text}"))
}

/// An answer as it is compared. Where there is an error, what came before it in the same statement does not count:
/// PostgreSQL itself finds some errors when it parses and some when it executes.
pub fn answer(messages: &[Message], piece: &Piece) -> Vec<String> {
    if let Some(code) = raw::sqlstate(messages) {
        let status = messages.last().map(|m| format!("{m:?}"));
        return vec![format!("E{code}"), status.unwrap_or_default()];
    }
    let mut said = Vec::new();
    let mut rows: Vec<String> = Vec::new();
    for message in messages.iter().filter(|m| !"NAK".contains(m.tag)) {
        match message.tag {
            'D' | 'd' => rows.push(row(message)),
            'T' => said.push(format!("T{:?}", message.columns())),
            't' => said.push(format!("t{:?}", oids(message))),
            _ => {
                flush(&mut said, &mut rows, piece);
                said.push(format!("{message:?}"));
            }
        }
    }
    said
}

fn flush(said: &mut Vec<String>, rows: &mut Vec<String>, piece: &Piece) {
    if !piece.ordered && piece.fetch == 0 {
        rows.sort();
    }
    match piece.rows_exempt {
        true => rows.clear(),
        false => said.append(rows),
    }
}

fn row(message: &Message) -> String {
    if message.tag == 'd' {
        // the first row comes with the head of the format before it
        let row = message
            .body
            .strip_prefix(COPY_HEAD)
            .unwrap_or(&message.body);
        return format!("d({})", row.escape_ascii());
    }
    let show = |v: Option<Vec<u8>>| v.map_or("NULL".to_owned(), |b| b.escape_ascii().to_string());
    let values: Vec<String> = message.values().into_iter().map(show).collect();
    format!("D{values:?}")
}

/// Errors and notices in full.
fn errors(messages: &[Message]) -> Vec<String> {
    let told = messages.iter().filter(|m| "EN".contains(m.tag));
    told.map(|m| format!("{m:?}")).collect()
}

/// The first lines that differ, and what the proxy's error said.
fn differing(sql: &str, said: &[String], wanted: &[String], messages: &[Message]) -> String {
    let at = said.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let line = |of: &[String]| {
        of.get(at)
            .map_or("(nothing)".to_owned(), |l| l.chars().take(700).collect())
    };
    let error = messages.iter().find(|m| m.tag == 'E');
    let sql: String = sql.chars().take(2000).collect();
    format!(
        "{sql}\n    answer {at}\n    proxy {}\n    twin  {}{}",
        line(said),
        line(wanted),
        error.map_or(String::new(), |e| format!("\n    {e:?}"))
    )
}
