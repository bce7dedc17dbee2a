//! When risky steps may be done.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::resource;

/// A stretch of time that comes back every week, in which steps that delete, disable or change
/// rights may be done. With at least one window, such steps wait outside of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it opens; default: all.
    #[schemars(length(min = 1, max = 7))]
    pub days: Option<Vec<Day>>,
    /// When it opens, `HH:MM`.
    pub from: ClockTime,
    /// When it closes, `HH:MM`; a time that is not after `from` is on the next day.
    pub to: ClockTime,
    /// The time zone, such as `Europe/Vilnius`; default: UTC.
    #[schemars(length(min = 1, max = 60), example = "Europe/Vilnius")]
    pub zone: Option<String>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// A time of the day, `HH:MM`, from `00:00` to `24:00`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(transparent)]
pub struct ClockTime(
    #[schemars(regex(pattern = r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"), example = "22:00")]
    pub String,
);

impl ClockTime {
    /// Minutes since midnight; the form was checked by the schema.
    fn minutes(&self) -> u16 {
        let mut parts = self.0.split(':').map(|part| part.parse().unwrap_or(0));
        let (hours, minutes): (u16, u16) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
        hours * 60 + minutes
    }
}

impl Window {
    /// The window as passes know it.
    pub fn to_resource(&self) -> resource::Window {
        let mut days = [self.days.is_none(); 7];
        for day in self.days.iter().flatten() {
            days[*day as usize] = true;
        }
        resource::Window {
            days,
            from: self.from.minutes(),
            to: self.to.minutes(),
            zone: self.zone.clone().unwrap_or_else(|| "UTC".to_owned()),
        }
    }
}
