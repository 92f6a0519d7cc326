//! Countries, by whose rules a radio sends.

use crate::cluster::names::is_word_of;

/// The two letters of every country (ISO 3166-1), as `iso3166.tab` of the time zone database lists them.
const ALL: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO \
    FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE \
    JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO \
    MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW \
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM \
    TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Words that people write for a country, and its letters.
const OTHER_NAMES: [(&str, &str); 13] = [
    ("UK", "GB"),
    ("EN", "GB"),
    ("GBR", "GB"),
    ("ENGLAND", "GB"),
    ("USA", "US"),
    ("GER", "DE"),
    ("DEU", "DE"),
    ("GERMANY", "DE"),
    ("DEUTSCHLAND", "DE"),
    ("FRANCE", "FR"),
    ("AUSTRIA", "AT"),
    ("SWITZERLAND", "CH"),
    ("JAPAN", "JP"),
];

/// A country, by its two letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country([u8; 2]);

impl Country {
    /// Parses two capital letters of ISO 3166-1, like `DE`.
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.as_bytes().try_into().ok().filter(|_| is_word_of(text, ALL))?;
        Some(Self(letters))
    }

    /// Returns the country that a text which is none most probably means.
    pub(crate) fn meant(text: &str) -> Option<Self> {
        let text = text.trim().to_uppercase();
        let other = OTHER_NAMES.iter().find(|(name, _)| *name == text).map(|(_, letters)| *letters);
        // A locale ends in the country: `de_DE`.
        let last = text.rsplit('_').next().unwrap_or(&text);
        Self::parse(other.unwrap_or(last))
    }
}

impl std::fmt::Display for Country {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|letter| write!(formatter, "{}", char::from(*letter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_country_is_two_letters_of_the_list() {
        assert_eq!(ALL.split_whitespace().count(), 249);
        for text in ALL.split_whitespace() {
            assert_eq!(Country::parse(text).unwrap().to_string(), text);
        }
        for wrong in ["", "D", "de", "DEU", "XX", "UK", "EU", "00", "D E", "AD AE"] {
            assert_eq!(Country::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_people_write_leads_to_the_country() {
        for (written, meant) in
            [("UK", "GB"), ("uk", "GB"), ("de", "DE"), ("USA", "US"), ("de_AT", "AT"), ("Germany", "DE")]
        {
            assert_eq!(Country::meant(written).unwrap().to_string(), meant);
        }
        for unknown in ["", "XX", "Europe", "EU"] {
            assert_eq!(Country::meant(unknown), None, "{unknown}");
        }
        for (_, letters) in OTHER_NAMES {
            assert!(Country::parse(letters).is_some(), "{letters}");
        }
    }
}
