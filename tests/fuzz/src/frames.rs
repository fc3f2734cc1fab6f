//! Bytes of a connection after its login: frames of either side, and the views of what is in them.
//!
//! The bytes are taken twice: as a stream, and as the tag and body of one frame, whose length a fuzzer would not guess.
//! Cutting a stream elsewhere must never give other frames, and no view may look outside its frame.

use bytes::BytesMut;
use hippocrypt_wire::backend::{
    Authentication, BackendKeyData, CommandComplete, DataRow, ParameterDescription,
    ParameterStatus, RowDescription, TransactionStatus,
};
use hippocrypt_wire::frontend::{Bind, Execute, FunctionCall, Named, Parse, Query};
use hippocrypt_wire::{Decoder, ErrorFields, Format, Frame, Peer};

/// From the client. Rare: a Bind with a parameter in binary format.
pub(crate) fn client(data: &[u8]) -> bool {
    let mut rare = false;
    for frame in frames(Peer::Frontend, data) {
        let _ = Query::of(&frame).map(|q| q.text.len());
        let _ = Parse::of(&frame).map(|p| p.oids().count());
        let _ = Named::of(&frame);
        let _ = Execute::of(&frame);
        let _ = FunctionCall::of(&frame);
        let bind = Bind::of(&frame).ok();
        let mut typed = bind.iter().filter_map(Bind::typed_params).flatten();
        rare |= frame.tag() == b'B' && typed.any(|(format, _)| format == Format::Binary);
    }
    rare
}

/// From the server. Rare: a column in binary format.
pub(crate) fn server(data: &[u8]) -> bool {
    let mut rare = false;
    for frame in frames(Peer::Backend, data) {
        let _ = ParameterDescription::of(&frame).map(|d| d.oids().count());
        let _ = CommandComplete::of(&frame).map(|c| c.rows());
        let _ = TransactionStatus::of(&frame);
        let _ = ParameterStatus::of(&frame);
        let _ = BackendKeyData::of(&frame);
        let _ = ErrorFields::of(&frame).map(|e| e.iter().count());
        if let Ok(Authentication::Sasl(mechanisms)) = Authentication::of(&frame) {
            let _ = mechanisms.iter().count();
        }
        let _ =
            DataRow::of(&frame).map(|r| r.values.iter().flatten().map(<[u8]>::len).sum::<usize>());
        let fields = RowDescription::of(&frame).ok();
        let mut fields = fields.iter().flat_map(|d| d.iter());
        rare |= frame.tag() == b'T' && fields.any(|f| f.format == 1);
    }
    rare
}

/// All frames until one is malformed.
fn frames(peer: Peer, data: &[u8]) -> Vec<Frame> {
    let whole = cut(peer, &[data]);
    let middle = data.len() / 2;
    let halves = cut(peer, &[&data[..middle], &data[middle..]]);
    let bytes = |f: &[Frame]| f.iter().map(|f| f.as_bytes().clone()).collect::<Vec<_>>();
    assert_eq!(bytes(&whole), bytes(&halves), "a cut changes the frames");
    let together: Vec<u8> = whole.iter().flat_map(|f| f.as_bytes().to_vec()).collect();
    assert!(
        data.starts_with(&together),
        "frames are not the bytes that came"
    );
    whole.into_iter().chain(one(peer, data)).collect()
}

/// A frame of this tag and body, where it is one.
fn one(peer: Peer, data: &[u8]) -> Option<Frame> {
    let (tag, body) = data.split_first()?;
    let length = u32::try_from(body.len() + 4).ok()?;
    let mut bytes = vec![*tag];
    bytes.extend(length.to_be_bytes());
    bytes.extend(body);
    cut(peer, &[&bytes]).pop()
}

fn cut(peer: Peer, pieces: &[&[u8]]) -> Vec<Frame> {
    let decoder = Decoder::new(peer);
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Ok(Some(frame)) = decoder.next(&mut buffer) {
            frames.push(frame);
        }
    }
    frames
}
