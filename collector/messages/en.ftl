# The statement's words in English. Another language is another file like this one,
# with the same messages and variables, and a line in `statement/messages.rs`.
# Plain words: a test holds them to a reading age of 12.

## Numbers, lengths and times

decimal-mark = .
group-mark = ,
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December
date = { $day } { $month } { $year }
date-in-year = { $day } { $month }
month-of-year = { $month } { $year }
instant = { $date }, { $time }
from-to = { $from } to { $to }
percent = { $share } %
percent-range = { $low } to { $high } %
days = { $n ->
    [one] 1 day
   *[other] { $n } days
}
hours = { $n } h
minutes = { $n } min
seconds = { $n } s
milliseconds = { $n } ms
minute = minute
second = second
list-last = { $most } and { $last }
quoted = “{ $text }”

## What a home does

activity-video-call = Video calls
    .inside = video calls
activity-remote-desktop = Remote desktop
    .inside = remote desktop
activity-card-payment = Card payments
    .inside = card payments
activity-cloud-backup = Cloud backup
    .inside = cloud backup
activity-voice-call = Voice calls
    .inside = voice calls
activity-film-4k = Films in 4K
    .inside = films in 4K
activity-game = Online games
    .inside = online games
activity-web = Web pages
    .inside = web pages
activity-live-upload = Live upload
    .inside = live upload
activity-alarm = Telecare alarms
    .inside = telecare alarms
activity-web-shop = Own web shop
    .inside = your own web shop
activity-cloud-game = Cloud games
    .inside = cloud games
activity-home-camera = Home cameras
    .inside = home cameras

technology-unknown = Link
technology-fttp = Fibre
technology-cable = Cable
technology-dsl = DSL
technology-fixed-wireless = Fixed wireless
technology-satellite = Satellite
technology-lte = 4G
technology-nr-nsa = 5G (NSA)
technology-nr-sa = 5G
technology-wwan = Mobile
technology-wifi = Wi-Fi
technology-ppp = PPP
technology-ethernet = Ethernet
link-label = { $technology } { $name }
link-label-of = { $technology } { $name } of { $agent }
all-links = all links

## Page one

title = What works in your home
statement-for = Statement for { $household }, { $period }
column-activity = Use
column-verdict = Verdict
column-sentence = How it went
caption = A use counts as working while at least one link of the home could carry it.
caption-why = The main trouble is what hurt the main link most.
level-works = works
level-mostly-works = mostly works
level-often-fails = often fails
level-never-worked = did not work
level-not-enough-data = not enough data

worked-all = It worked all the time that we measured.
worked-none = It did not work in the time that we measured.
worked-point = It worked { $share } of the time that we measured.
worked-range = It worked { $range } of the time.
worked-point-why = It worked { $share } of the time; main trouble: { $why }.
worked-range-why = It worked { $range } of the time; main trouble: { $why }.
short-all = It worked in all of the { $time } that we measured.
short-part = It worked in { $good } of the { $time } that we measured.
short-covered = We measured only { $time } of { $period }.
short-none = We could not measure this.
why-latency = slow answers
why-loss = lost data
why-throughput = low speed
why-outage = outages
why-other = gaps in the data

gist-nothing-measured = We could not measure beyond your home, so no one can say what worked.
gist-short-fine = In the { $time } that we measured, we saw nothing fail. That is too short to say more.
gist-short-failed = In the { $time } that we measured, { $list } failed at times. That is too short to say more.
gist-short-all-failed = In the { $time } that we measured, all things failed at times. That is too short to say more.
gist-short-nothing = In the { $time } that we measured, nothing worked. That is too short to say more.
gist-part = In the { $time } that we measured: { $gist }
gist-all-work = All { $n } things that we check worked at least 99 % of the time.
gist-judged-work = All { $n } things that we could judge worked at least 99 % of the time.
gist-all-mostly = All things worked most of the time, but not always.
gist-all-often = All things often failed.
gist-all-never = Nothing worked.
gist-never = { $list } did not work at all.
gist-often = { $list } often failed.
gist-mostly = { $list } worked most of the time, but not always.
gist-many-never = { $n } of { $all } things did not work at all.
gist-many-often = { $n } of { $all } things often failed.
gist-many-mostly = { $n } of { $all } things worked most of the time, but not always.
gist-rest = { $n ->
    [one] One other thing worked well.
   *[other] { $n } other things worked well.
}

time-measured = Measured
time-unknown = Not measured
time-excluded = Left out
time-excluded-all = { $time } on all links
time-excluded-link = { $time } on { $link }
time-none = none

heading-promised = What you were sold, and what we measured
promised-down = { $link }, download
promised-up = { $link }, upload
promised-latency = { $link }, answer time
promised-line = { $what }: sold as { $sold }. We measured { $median } in a usual test, and { $worst } or better in 19 of 20 ({ $n } tests).
promised-line-few = { $what }: sold as { $sold }. We measured { $median } in a usual test ({ $n } tests).
promised-line-none = { $what }: sold as { $sold }. We ran too few tests to compare ({ $n }).
sold-max = up to { $rate }
sold-normal = { $rate } as a rule
sold-min = at least { $rate }
sold-latency = at most { $time }

rule-kept = { $what }: kept, by { $rule }.
rule-broken = { $what }: not kept, by { $rule }.
rule-kept-share = { $what }: kept, by { $rule }. Sold as { $sold } or more; we measured { $delivered }.
rule-broken-share = { $what }: not kept, by { $rule }. Sold as { $sold } or more; we measured { $delivered }.
rule-bnetza-fixed = the rule for fixed lines (BNetzA; a first check, no proof)
rule-bead = the rule of the United States on speed and answer time (BEAD)
rule-ofcom-evening = the range of speeds from 20:00 to 22:00
rule-ofcom-midday = the range of speeds from 12:00 to 14:00
rule-sla = the share of time that it was to be up

heading-wrong = What went wrong
wrong-nothing = Nothing did in the time that we measured.
wrong-unmeasured = We measured nothing, so no one can say.
incident-line = { $when }: { $what } { $more }
incident-link-out = { $link } was out for { $length }.
incident-link-poor = { $link } was too poor for { $hit } for { $length }.
incident-home-out = Your home was cut off for { $length }.
incident-home-out-all = Your home was cut off for { $length }, with all links out.
incident-home-poor = The line was too poor for { $hit } for { $length }.
incident-all-activities = all uses
incident-many-activities = { $n } of { $all } uses
incident-open = It was not over when this time ended.
incident-covered = { $links } still worked.
incidents-more = { $n ->
    [one] One shorter one is in the annex or the gap report.
   *[other] { $count } shorter ones are in the annex or the gap report.
}
segment-home = It lay in the home.
segment-access = It lay on the way to your provider.
segment-core-or-service = It lay in your provider's network or beyond.
segment-service = Only the service that we tested was that poor; others worked.
segment-cannot-tell = We cannot tell where it lay.

heading-help = What would help
help-with = { $remedy }: { $activity } would have worked { $with } of the time ({ $range }), not { $now } as on the main link alone; { $time } more, on { $days }.
help-with-point = { $remedy }: { $activity } would have worked { $with } of the time, not { $now } as on the main link alone; { $time } more, on { $days }.
on-days = { $n ->
    [one] 1 day
   *[other] { $n } days
}
help-had = You have it, and it helps.
help-not-list = It would not have helped enough: { $list }.
help-nothing = Nothing needs doing: on { $link }, each use worked at least 99 % of the time that we measured.
help-nothing-told = Nothing needs doing: on { $link }, each use that you told us of worked at least 99 % of the time that we measured.
help-nothing-at-all = Nothing needs doing.
help-none-reaches = None of the { $n } things that we checked would have helped enough.
help-untold = What we measured does not tell what would help.
help-about-all = We went through the bad times of { $link } again, use by use, as if one thing had been changed.
help-about-told = We went through the bad times of { $link } again, as if one thing had been changed. What counts is what you told us that you do: { $list }.
help-about-no-link = There is no link that this could be said of.
help-line = { $remedy }: { $verdict }. { $why }
help-wifi-placement = another place for the Wi-Fi
help-queue-manager = a router that keeps its queue short
help-upload-tier = a plan with more upload
help-mobile-backup = a mobile link to step in
help-access-repair = a repair of the line
help-verdict-recommended = would help
help-verdict-in-place = you have it, and it helps
help-verdict-would-not-help = would not help enough
help-verdict-cannot-say = we cannot say
help-why-chance = It may help, but that rests on too few days to be more than chance.
help-why-data = A mobile link worked while the main one failed, but its plan has too little data for that.
help-why-no-line = The main link is a mobile one, so there is no line to mend.
help-why-wifi-placement-recommended = The way to the router was slow or lost data.
help-why-wifi-placement-would-not-help = When things failed, the way to the router was fine, or it made up too little of the bad time.
help-why-wifi-placement-cannot-say = What we measured does not tell the Wi-Fi from the line.
help-why-queue-manager-recommended = Answers were slow while the home itself filled the line.
help-why-queue-manager-would-not-help = A full line was seldom or never why answers were slow.
help-why-queue-manager-cannot-say = We do not know well enough when the line was full.
help-why-upload-tier-recommended = No test and no use showed the upload speed that this needs.
help-why-upload-tier-would-not-help = The upload that you have is enough, or something else holds it back.
help-why-upload-tier-cannot-say = There were too few tests of the upload, or the home hardly used it.
help-why-mobile-backup-recommended = A mobile link of the home worked while the main one failed.
help-why-mobile-backup-would-not-help = The main link hardly failed, or the mobile one failed with it.
help-why-mobile-backup-cannot-say = We tested no mobile link while the main one failed.
help-why-access-repair-recommended = Time and again, your own router answered and the first one of your provider did not.
help-why-access-repair-would-not-help = There were too few faults on the line to your provider, or none.
help-why-access-repair-cannot-say = We cannot tell where the faults were.

heading-left-out = Left out
left-out-line = { $period }, { $link }: { $why } (entered by { $by })
left-out-unheard = { $period }, { $link }: nothing was left out, as we never saw a link of this name; { $why } (entered by { $by })
left-out-more = { $n ->
    [one] One more is in the annex.
   *[other] { $n } more are in the annex.
}

heading-not-shown = What this does not show
not-shown-unknown = We have no data for { $time }. That time counts neither as good nor as bad: the box that tests may have been off.
not-shown-excluded = We left out { $time }; the reasons are given.
not-shown-one-target = For { $time } one point that we test to was bad while others did well. That is its own fault, so it does not count against your links.
not-shown-few-days = It covers less than two days, so it does not show what is usual.
not-shown-unproven = Where you did not use the speed needed for { $list }, we took it to be there.
not-shown-unproven-many = Where you did not use the speed that { $n } of the { $all } uses need, we took it to be there.
not-shown-unproven-all = Where you did not use the speed that a thing needs, we took it to be there.
not-shown-switching = We did not see if your devices moved to the link that worked, or how fast.
not-shown-beyond = It does not show the Wi-Fi in your rooms, your own devices, or if one service worked.
not-shown-dropped = { $n ->
    [one] One sum was lost when the memory was full; its time counts as not measured.
   *[other] { $count } sums were lost when the memory was full; their time counts as not measured.
}
not-shown-clock = The clock of the box was set in this time, so times before that may be off.
not-shown-cannot = Not measured, in the words of the box: { $text }
not-shown-cannot-on = Not measured on { $link }, in the words of the box: { $text }

heading-measured = How it was measured
measured-how = A program in the home sends small tests over each link, and sums up the answers each { $slot }.
measured-link = { $link }: { $series }.
measured-series = { $count } tests, { $rate } ({ $method }, { $family })
measured-connects = { $count } tests ({ $method }, { $family })
rate-a-second = { $n } a second
rate-every = one each { $time }
measured-no-answers = no answers from beyond the home
measured-not-tested = not tested in this time
measured-judged = We held each sum against what each use needs (draft-ietf-ippm-qoo). We count an outage only if the program ran and nothing beyond the home answered, or the system said that the link was down.
measured-least = We give no verdict on less than { $time } of tests, or on less than { $share } of the time.
measured-range-days = The range shows how far the result could move with more days like these (95 % sure).
measured-range-unknown = The low end of a range counts the time with no data as bad, the high end as good.
measured-range-both = Where all days were alike, the low end of the range counts the time with no data as bad, the high end as good.

foot = Drawn up { $at }. All times are { $zone }. What each use needs: list { $catalogue }.
proof-signed = Signed. The annex says how to check it.
proof-unsigned = Not signed. The annex holds each figure.

## The annex

annex-title = Annex: each figure
annex-for = { $household }, { $period }. Counts are spans of { $slot }.
annex-anywhere = On any link of the home
annex-link = { $link }
annex-link-time = Up { $up }; down { $down }; not known { $unknown }; left out { $excluded }. Outages: { $n }.
annex-activities = Spans by state, and the share of the time measured that it worked
annex-rtt = Answer times, in ms, and lost tests
annex-speeds = Speed tests
annex-tests = Tests run: { $done }; failed: { $failed }; not run: { $skipped }. They took { $bytes }.
annex-incidents = What went wrong, with what we saw
annex-incident = { $from } to { $to }, { $n } bad spans. { $what } { $more }
annex-incident-seen = What we saw: { $facts }.
annex-edges-probe = Start and end are known to the test.
annex-edges-slot = Start or end is known to the span only.
annex-help = What would help, and what would not
annex-gains = What it would have changed on { $link }
annex-exclusions = Left out, by whom and why
annex-none = None.
annex-words = The words that we use
annex-check = How to check this statement
annex-check-records = It rests on { $count } records. Put in order, one a line, their SHA-256 digest is { $digest }.
annex-check-key = It is signed with the Ed25519 key { $key }.
annex-check-unsigned = It is not signed: the digest shows if the records changed, not who wrote this.
annex-check-how = The signed figures are inside this file. The command “hearth-collector verify FILE --key KEY” draws the whole text again from them, and tells if one sign of it is not the same. KEY is a file with the key that your provider makes public: without it, someone else may have signed.
annex-check-none = It holds no digest of its records and is not signed. It was drawn to be read at once.

head-activity = Use
head-ok = OK
head-degraded = poor
head-down = down
head-unknown = not known
head-excluded = left out
head-covered = measured
head-worked = worked
head-range = range
head-trust = trust
head-remedy = With
head-now = worked
head-with = would have
head-with-range = range
head-gained = time won
head-gain-days = on days
head-spans = spans
head-point = Asked
head-method = Test
head-sent = sent
head-answered = back
head-lost = lost
head-lost-down = of them, while down
head-loss = loss while up
head-min = least
head-p50 = p50
head-p95 = p95
head-p99 = p99
head-pdv = pdv_p95_v1
head-ipdv = ipdv_mean_v1
head-kind = Test
head-direction = Way
head-count = tests
head-median = median
head-p5 = p5
head-rpm = rpm_draft09
head-loaded-p50 = loaded p50
head-loaded-p95 = loaded p95
trust-low = low
trust-medium = medium
trust-high = high
direction-down = down
direction-up = up
test-responsiveness = full test
test-capacity = short test
point-gateway = the gateway
point-first-hop = the first router beyond it
point-reflector = the reflector
point-reflector-over = the reflector over { $link }
point-target = { $name }
point-resolver = the name server
skip-busy = { $n } as the home used the line
skip-gave-way = { $n } gave way to the home
skip-budget = { $n } to save data
skip-roaming = { $n } while roaming
skip-link-down = { $n } as the link was down
skip-expired = { $n } came too late
skip-rate = { $n } over the limit
skip-no-server = { $n } with no server
skip-refused = { $n } as the server was full
skip-stopped = { $n } as the device was turned off
skip-none = none

fact-down-probes = no far point answered
fact-down-carrier = the system saw no carrier
fact-down-address = the system saw no address on the link
fact-down-route = the system saw no route over the link
fact-down-interface = the system saw that the link was gone
fact-not-probed = { $point } was not asked
fact-never-answers = { $point } never answers, so it tells nothing
fact-answered = { $point } answered { $answered } of { $tried }
fact-answered-times = { $point } answered { $answered } of { $tried }, p95 { $during } ms (median around it { $around } ms)
fact-on-link = { $link }: { $segment } { $facts }
fact-link-not-measured = { $link } was not measured

word-ok = OK: in this span the answer times, the loss and the known speed met what the use needs (QoO score of 50 or more).
word-degraded = Poor: the link was up, but they did not meet it.
word-down = Down: the link was down for more than half of the span, as seen from inside the home.
word-unknown = Not known: there is no proof for or against. It counts as neither.
word-excluded = Left out: a person asked for it. The name and the reason are given.
word-measured = Measured: OK, poor and down spans, as a share of all that were not left out.
word-worked = Worked: OK spans as a share of the measured ones.
word-range = Range: from whole days drawn again at random (95 %), or, where all days were alike, with the unknown spans taken as bad and then as good.
word-help = What would help: only bad spans of the main link are judged again. The range counts what is sure and takes the unknown spans as bad, and then what may be and takes them as good. It must win 0.2 % of the time, on two days or more.
word-percentiles = p50, p95 and p99: half, 95 % and 99 % of the answers came at least this fast. p5: 95 % of the tests were at least this good.
word-loss = Loss: tests with no answer in 3 s, while the link was up; with its 95 % range.
word-pdv = pdv_p95_v1: the p95 of a span less its least, in the middle span (RFC 5481). ipdv_mean_v1: the mean change from one answer to the next (RFC 3393).
word-rpm = rpm_draft09: round trips a minute while the line is full (draft-ietf-ippm-responsiveness-09). Loaded: answer times meanwhile.
word-trust = Trust: low under one hour or half of the time; medium under one day, under 90 % of the time, or where the speed needed was mostly not seen.
