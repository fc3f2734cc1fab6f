//! Every view on arbitrary bytes, and every writer read back by its view.

use crate::backend::{
    Authentication, BackendKeyData, CommandComplete, DataRow, Field, ParameterDescription,
    ParameterStatus, RowDescription, TransactionStatus,
};
use crate::frontend::{Bind, Execute, FunctionCall, Named, Parse, Query};
use crate::startup::{CancelKey, StartupPacket};
use crate::write::Writer;
use crate::{Decoder, ErrorFields, ErrorReport, Frame, Peer, Severity, WireError};
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

fn frame(tag: u8, body: &[u8]) -> Frame {
    let mut out = BytesMut::new();
    Writer::new(&mut out)
        .frame(tag, |b| {
            b.extend_from_slice(body);
            Ok(())
        })
        .unwrap();
    Frame::new(out.freeze()).unwrap()
}

fn written(build: impl FnOnce(&mut Writer<'_>) -> Result<(), WireError>) -> Frame {
    let mut out = BytesMut::new();
    build(&mut Writer::new(&mut out)).unwrap();
    Frame::new(out.freeze()).unwrap()
}

fn look_at_everything(f: &Frame) {
    let _ = Query::of(f);
    let _ = Parse::of(f).map(|v| v.oids().count());
    let _ = Bind::of(f).map(|v| {
        assert_eq!(v.params.iter().count(), v.params.len());
        assert_eq!(v.result_formats.iter().count(), v.result_formats.len());
        v.typed_params().map(Iterator::count)
    });
    let _ = Named::of(f);
    let _ = Execute::of(f);
    let _ = FunctionCall::of(f);
    let _ = RowDescription::of(f).map(|v| assert_eq!(v.iter().count(), v.len()));
    let _ = ParameterDescription::of(f).map(|v| v.oids().count());
    let _ = DataRow::of(f).map(|v| assert_eq!(v.values.iter().count(), v.values.len()));
    let _ = CommandComplete::of(f).map(|v| v.rows());
    let _ = TransactionStatus::of(f);
    let _ = ParameterStatus::of(f);
    let _ = BackendKeyData::of(f);
    if let Ok(Authentication::Sasl(m)) = Authentication::of(f) {
        m.iter().count();
    }
    let _ = ErrorFields::of(f).map(|v| v.iter().count());
    assert!(!format!("{f:?}").contains("body"));
}

proptest! {
    #[test]
    fn views_never_panic(tag: u8, body in proptest::collection::vec(any::<u8>(), 0..80)) {
        look_at_everything(&frame(tag, &body));
    }

    #[test]
    fn views_never_panic_on_nearly_right_bodies(
        tag: u8,
        body in proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(4), any::<u8>()], 0..60),
    ) {
        look_at_everything(&frame(tag, &body));
    }

    #[test]
    fn decoders_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for peer in [Peer::Frontend, Peer::Backend] {
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(f)) = Decoder::new(peer).next(&mut buffer) {
                look_at_everything(&f);
            }
        }
        let mut buffer = BytesMut::from(&bytes[..]);
        if let Ok(Some(StartupPacket::Startup(s))) = StartupPacket::next(&mut buffer) {
            s.iter().count();
        }
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_cut(
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..6),
        cut in 1usize..17,
    ) {
        let mut all = BytesMut::new();
        for body in &bodies {
            all.extend_from_slice(frame(b'd', body).as_bytes());
        }
        let mut buffer = BytesMut::new();
        let mut seen = Vec::new();
        for chunk in all.chunks(cut) {
            buffer.extend_from_slice(chunk);
            while let Some(f) = Decoder::new(Peer::Frontend).next(&mut buffer).unwrap() {
                seen.push(f.body().to_vec());
            }
        }
        prop_assert_eq!(seen, bodies);
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn bind_reads_back(
        values in proptest::collection::vec(
            (0i16..2, proptest::option::of(proptest::collection::vec(any::<u8>(), 0..9))), 0..5),
        formats in proptest::collection::vec(0i16..2, 0..4),
    ) {
        let f = written(|w| w.bind(
            b"portal", b"statement",
            values.iter().map(|(f, v)| (*f, v.as_deref())),
            formats.iter().copied(),
        ));
        let bind = Bind::of(&f).unwrap();
        prop_assert_eq!((bind.portal, bind.statement), (&b"portal"[..], &b"statement"[..]));
        let back: Vec<_> = bind.typed_params().unwrap()
            .map(|(f, v)| (f.code(), v.map(<[u8]>::to_vec))).collect();
        prop_assert_eq!(back, values);
        prop_assert_eq!(bind.result_formats.iter().map(|f| f.code()).collect::<Vec<_>>(), formats);
    }
}

#[test]
fn a_length_beyond_postgresqls_limit_is_refused_before_it_is_waited_for() {
    let mut sync = BytesMut::from(&b"S\x00\x00\x27\x11"[..]);
    assert_eq!(
        Decoder::new(Peer::Frontend).next(&mut sync),
        Err(WireError::Length {
            tag: b'S',
            length: 10_001,
            limit: 10_000
        })
    );
    let mut query = BytesMut::from(&b"Q\x3f\xff\xff\xff"[..]);
    assert!(Decoder::new(Peer::Frontend).next(&mut query).is_err());
    let mut short = BytesMut::from(&b"Q\x00\x00\x00\x03"[..]);
    assert!(Decoder::new(Peer::Frontend).next(&mut short).is_err());
    let mut unknown = BytesMut::from(&b"?"[..]);
    assert_eq!(
        Decoder::new(Peer::Frontend).next(&mut unknown),
        Err(WireError::UnknownTag(b'?'))
    );
}

#[test]
fn debug_shows_tag_and_length_only() {
    assert_eq!(format!("{:?}", frame(b'Q', b"SELECT 'secret'\0")), "Q[21]");
}

#[test]
fn trailing_bytes_are_malformed() {
    assert!(Query::of(&frame(b'Q', b"SELECT 1\0x")).is_err());
    assert!(Execute::of(&frame(b'E', b"\0\0\0\0\0\0")).is_err());
    assert!(TransactionStatus::of(&frame(b'Z', b"II")).is_err());
    assert!(FunctionCall::of(&frame(b'F', &[0; 11])).is_err());
    assert!(FunctionCall::of(&frame(b'F', &[0; 10])).is_ok());
}

#[test]
fn descriptions_read_back() {
    let fields = [Field {
        name: b"ssn",
        table: 16_400,
        attnum: 3,
        type_oid: 1043,
        typlen: -1,
        typmod: 15,
        format: 0,
    }];
    let f = written(|w| w.row_description(fields.iter().copied()));
    assert!(RowDescription::of(&f).unwrap().iter().eq(fields));
    let f = written(|w| w.parameter_description([25u32, 1043].into_iter()));
    assert!(ParameterDescription::of(&f).unwrap().oids().eq([25, 1043]));
}

#[test]
fn a_row_that_fails_leaves_nothing_behind() {
    let mut out = BytesMut::from(&b"before"[..]);
    let failed = Writer::new(&mut out).data_row(2, |row| {
        row.value(None)?;
        row.value_with(|_| Err(WireError::Malformed(b'D')))
    });
    assert!(failed.is_err());
    assert_eq!(&out[..], b"before");
    let too_few = Writer::new(&mut out).data_row(2, |row| row.value(Some(b"x")));
    assert!(too_few.is_err());
    assert_eq!(&out[..], b"before");
}

#[test]
fn errors_read_back() {
    let mut out = BytesMut::new();
    let mut report = ErrorReport::new(Severity::Error, "0A000", "no").hint("do that");
    report.position = Some(8);
    report.write(&mut out).unwrap();
    let f = Frame::new(out.freeze()).unwrap();
    let fields = ErrorFields::of(&f).unwrap();
    assert_eq!(fields.sqlstate(), "0A000");
    assert_eq!(fields.get(b'H'), Some(&b"do that"[..]));
    assert_eq!(fields.get(b'P'), Some(&b"8"[..]));
    assert_eq!(fields.get(b'D'), None);
}

#[test]
fn start_up_packets() {
    let mut out = BytesMut::new();
    let mut w = Writer::new(&mut out);
    w.ssl_request();
    let key = CancelKey {
        pid: 42,
        secret: Bytes::from_static(b"abcd"),
    };
    w.cancel_request(&key);
    w.startup([(&b"user"[..], &b"app"[..])].into_iter())
        .unwrap();
    assert!(matches!(
        StartupPacket::next(&mut out),
        Ok(Some(StartupPacket::SslRequest))
    ));
    let Ok(Some(StartupPacket::Cancel(read))) = StartupPacket::next(&mut out) else {
        panic!("no cancel request");
    };
    assert_eq!(read, key);
    let Ok(Some(StartupPacket::Startup(startup))) = StartupPacket::next(&mut out) else {
        panic!("no start-up message");
    };
    assert_eq!(startup.get("user"), Some(&b"app"[..]));
    assert!(out.is_empty());
}
