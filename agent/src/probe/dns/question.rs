//! A question and what counts as its answer. Pure: octets in, octets out.

use std::net::IpAddr;

use hearth_proto::Family;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

/// The largest datagram that is asked for: it fits every path's MTU whole (RFC
/// 9715, section 3).
pub const MAX_DATAGRAM: u16 = 1232;

/// CNAMEs followed within one answer.
const MAX_ALIASES: usize = 16;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    name: Name,
    kind: RecordType,
}

/// A text that is no DNS name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("name {0:?} is not accepted: labels of 1 to 63 characters, 253 in all")]
pub struct NameError(String);

/// A question as it is sent, with its random id.
#[derive(Debug, Clone)]
pub(super) struct Asked<'a> {
    question: &'a Question,
    message: Message,
}

/// What octets that came say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reading {
    /// An answer to the question.
    Answer(Contents),
    /// An answer that says that it is cut.
    Truncated,
    /// An error code: the question was not answered.
    Code(ResponseCode),
    /// Nothing that claims to answer this question.
    Stray,
    /// It claims to answer the question, and breaks the protocol.
    Broken,
}

/// What an answer holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contents {
    /// Whether there is such a name (NXDOMAIN: there is not).
    pub(super) exists: bool,
    /// Records of the kind asked for, aliases followed.
    pub(super) records: usize,
    /// The addresses in them.
    pub(super) addresses: Vec<IpAddr>,
}

impl Question {
    /// The name servers of the root: a question that every resolver can answer
    /// from its memory and that tells nobody anything.
    pub fn root() -> Self {
        Self { name: Name::root(), kind: RecordType::NS }
    }

    /// The addresses of `name`.
    ///
    /// # Errors
    /// When it is no name.
    pub fn addresses(name: &str, family: Family) -> Result<Self, NameError> {
        let mut parsed = Name::from_utf8(name).map_err(|_| NameError(name.to_owned()))?;
        parsed.set_fqdn(true);
        let kind = match family {
            Family::V4 => RecordType::A,
            Family::V6 => RecordType::AAAA,
        };
        Ok(Self { name: parsed, kind })
    }

    /// As it is sent: by a random id; that and the random source port are what a
    /// forger would have to guess.
    pub(super) fn ask(&self, edns: bool) -> Asked<'_> {
        let mut message = Message::query();
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(self.name.clone(), self.kind));
        if edns {
            let mut edns = Edns::new();
            edns.set_max_payload(MAX_DATAGRAM);
            message.set_edns(edns);
        }
        Asked { question: self, message }
    }
}

impl Asked<'_> {
    /// The octets to send; none where the name can't be written.
    pub(super) fn octets(&self) -> Option<Vec<u8>> {
        self.message.to_vec().ok()
    }

    /// Reads what came in return.
    pub(super) fn read(&self, octets: &[u8]) -> Reading {
        // The header is read by hand: what is cut or broken behind it still
        // tells whether it means this question.
        let Some(&[id_high, id_low, flags, _]) = octets.first_chunk() else {
            return Reading::Stray;
        };
        let (response, truncated) = (flags & 0x80 != 0, flags & 0x02 != 0);
        if u16::from_be_bytes([id_high, id_low]) != self.message.metadata.id || !response {
            return Reading::Stray;
        }
        if truncated {
            return Reading::Truncated;
        }
        let Ok(answer) = Message::from_vec(octets) else { return Reading::Broken };
        let code = answer.metadata.response_code;
        // A server that could not read the question need not repeat it.
        let repeated = match answer.queries.as_slice() {
            [] => code != ResponseCode::NoError && code != ResponseCode::NXDomain,
            [query] => {
                query.name() == &self.question.name
                    && query.query_type() == self.question.kind
                    && query.query_class() == DNSClass::IN
            }
            _ => false,
        };
        let sound = answer.metadata.message_type == MessageType::Response
            && answer.metadata.op_code == OpCode::Query;
        match code {
            _ if !repeated || !sound => Reading::Broken,
            ResponseCode::NoError | ResponseCode::NXDomain => {
                self.question.contents(&answer.answers, code == ResponseCode::NoError)
            }
            code => Reading::Code(code),
        }
    }
}

impl Question {
    /// Follows aliases to the records asked for. Records that belong to no name
    /// on that way are no answer.
    fn contents(&self, records: &[Record], exists: bool) -> Reading {
        let mut name = &self.name;
        for _ in 0..=MAX_ALIASES {
            let of_name =
                || records.iter().filter(|r| r.dns_class == DNSClass::IN && &r.name == name);
            let asked: Vec<_> = of_name().filter(|r| r.record_type() == self.kind).collect();
            if !asked.is_empty() {
                let addresses = asked.iter().filter_map(|record| address(record)).collect();
                return if exists {
                    Reading::Answer(Contents { exists, records: asked.len(), addresses })
                } else {
                    Reading::Broken
                };
            }
            let alias = of_name().find_map(|record| match &record.data {
                RData::CNAME(target) => Some(&target.0),
                _ => None,
            });
            match alias {
                Some(target) => name = target,
                None if records.is_empty() || name != &self.name => {
                    return Reading::Answer(Contents { exists, records: 0, addresses: Vec::new() });
                }
                None => return Reading::Broken,
            }
        }
        Reading::Broken
    }
}

fn address(record: &Record) -> Option<IpAddr> {
    match &record.data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(a) => Some(IpAddr::V6(a.0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::rdata::{A, CNAME};
    use proptest::prelude::*;

    fn question() -> Question {
        Question::addresses("home.example", Family::V4).unwrap()
    }

    fn name(text: &str) -> Name {
        let mut name = Name::from_utf8(text).unwrap();
        name.set_fqdn(true);
        name
    }

    fn a(owner: &str, last: u8) -> Record {
        Record::from_rdata(name(owner), 60, RData::A(A::new(192, 0, 2, last)))
    }

    fn alias(owner: &str, target: &str) -> Record {
        Record::from_rdata(name(owner), 60, RData::CNAME(CNAME(name(target))))
    }

    /// A response with such records, changed by `change`.
    fn read(records: Vec<Record>, change: impl FnOnce(&mut Message)) -> Reading {
        let question = question();
        let asked = question.ask(true);
        let mut answer = asked.message.clone();
        answer.metadata.message_type = MessageType::Response;
        answer.answers = records;
        change(&mut answer);
        asked.read(&answer.to_vec().unwrap())
    }

    fn addresses(reading: &Reading) -> Vec<u8> {
        let Reading::Answer(contents) = reading else { panic!("{reading:?}") };
        contents
            .addresses
            .iter()
            .map(|ip| match ip {
                IpAddr::V4(ip) => ip.octets()[3],
                IpAddr::V6(_) => panic!("{ip}"),
            })
            .collect()
    }

    #[test]
    fn aliases_are_followed_and_other_records_left() {
        let records =
            vec![a("Other.example", 9), alias("HOME.example", "b.example"), a("b.example", 7)];
        assert_eq!(addresses(&read(records, |_| ())), [7]);
        assert_eq!(
            addresses(&read(vec![a("home.example", 1), a("home.example", 2)], |_| ())),
            [1, 2]
        );
    }

    #[test]
    fn no_data_and_no_name_are_answers() {
        let none = Contents { exists: true, records: 0, addresses: Vec::new() };
        assert_eq!(read(Vec::new(), |_| ()), Reading::Answer(none.clone()));
        // The alias leads to a name that has no address.
        let dangling = vec![alias("home.example", "b.example")];
        assert_eq!(read(dangling.clone(), |_| ()), Reading::Answer(none.clone()));
        let absent = |m: &mut Message| m.metadata.response_code = ResponseCode::NXDomain;
        let none = Contents { exists: false, ..none };
        assert_eq!(read(Vec::new(), absent), Reading::Answer(none.clone()));
        assert_eq!(read(dangling, absent), Reading::Answer(none));
        assert_eq!(read(vec![a("home.example", 1)], absent), Reading::Broken);
    }

    #[test]
    fn what_contradicts_itself_is_broken() {
        assert_eq!(read(vec![a("other.example", 9)], |_| ()), Reading::Broken);
        let ring = vec![alias("home.example", "b.example"), alias("b.example", "home.example")];
        assert_eq!(read(ring, |_| ()), Reading::Broken);
        let records = || vec![a("home.example", 9)];
        let other = |m: &mut Message| m.queries = vec![Query::query(Name::root(), RecordType::A)];
        assert_eq!(read(records(), other), Reading::Broken);
        assert_eq!(read(records(), |m| m.queries.clear()), Reading::Broken);
        assert_eq!(read(records(), |m| m.metadata.op_code = OpCode::Status), Reading::Broken);
        let chaos = |m: &mut Message| m.answers[0].dns_class = DNSClass::CH;
        assert_eq!(read(records(), chaos), Reading::Broken);
    }

    #[test]
    fn what_is_not_meant_for_the_question_is_stray() {
        let records = || vec![a("home.example", 9)];
        assert_eq!(read(records(), |m| m.metadata.id = !m.metadata.id), Reading::Stray);
        let echo = |m: &mut Message| m.metadata.message_type = MessageType::Query;
        assert_eq!(read(records(), echo), Reading::Stray);
    }

    #[test]
    fn error_codes_are_told_also_without_the_question() {
        let refused = |m: &mut Message| m.metadata.response_code = ResponseCode::Refused;
        assert_eq!(read(Vec::new(), refused), Reading::Code(ResponseCode::Refused));
        let unread = |m: &mut Message| {
            m.metadata.response_code = ResponseCode::FormErr;
            m.queries.clear();
        };
        assert_eq!(read(Vec::new(), unread), Reading::Code(ResponseCode::FormErr));
    }

    #[test]
    fn a_compression_loop_is_broken() {
        let question = question();
        let asked = question.ask(false);
        let mut octets = asked.octets().unwrap();
        octets[2] |= 0x80;
        // One answer, whose name points at itself.
        octets[7] = 1;
        let here = octets.len() as u16;
        octets.extend((0xc000 | here).to_be_bytes());
        octets.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
        assert_eq!(asked.read(&octets), Reading::Broken);
        octets[7] = 2;
        assert_eq!(asked.read(&octets), Reading::Broken);
    }

    #[test]
    fn the_size_of_datagrams_is_told() {
        let question = question();
        let sent = Message::from_vec(&question.ask(true).octets().unwrap()).unwrap();
        assert_eq!(sent.max_payload(), MAX_DATAGRAM);
        let plain = Message::from_vec(&question.ask(false).octets().unwrap()).unwrap();
        assert!(plain.edns.is_none());
    }

    #[test]
    fn what_is_no_name_is_told() {
        let long = "a".repeat(64);
        let error = Question::addresses(&long, Family::V4).unwrap_err().to_string();
        assert!(error.contains("is not accepted"), "{error}");
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_a_panic(mut octets: Vec<u8>, ours: bool) {
            let question = question();
            let asked = question.ask(true);
            if ours && octets.len() > 3 {
                octets[..2].copy_from_slice(&asked.message.metadata.id.to_be_bytes());
                octets[2] = 0x80 | (octets[2] & !0x02);
                prop_assert_ne!(asked.read(&octets), Reading::Stray);
            } else {
                asked.read(&octets);
            }
        }

        #[test]
        fn an_answer_that_was_damaged_is_read_without_a_panic(
            at in 2_usize..80, octet: u8, cut in 0_usize..80
        ) {
            let question = question();
            let asked = question.ask(true);
            let mut answer = asked.message.clone();
            answer.metadata.message_type = MessageType::Response;
            answer.answers = vec![alias("home.example", "b.example"), a("b.example", 7)];
            let mut octets = answer.to_vec().unwrap();
            if let Some(hit) = octets.get_mut(at) {
                *hit = octet;
            }
            octets.truncate(octets.len().saturating_sub(cut));
            asked.read(&octets);
        }
    }
}
