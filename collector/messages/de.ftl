# Die Worte der Auskunft auf Deutsch: dieselben Meldungen und Variablen wie in en.ftl.

## Zahlen, Dauern und Zeiten

decimal-mark = ,
group-mark = .
month-1 = Januar
month-2 = Februar
month-3 = März
month-4 = April
month-5 = Mai
month-6 = Juni
month-7 = Juli
month-8 = August
month-9 = September
month-10 = Oktober
month-11 = November
month-12 = Dezember
date = { $day }. { $month } { $year }
date-in-year = { $day }. { $month }
month-of-year = { $month } { $year }
instant = { $date }, { $time } Uhr
from-to = { $from } bis { $to }
percent = { $share } %
percent-range = { $low } bis { $high } %
days = { $n ->
    [one] 1 Tag
   *[other] { $n } Tage
}
hours = { $n } Std.
minutes = { $n } Min.
seconds = { $n } Sek.
milliseconds = { $n } ms
minute = Minute
second = Sekunde
list-last = { $most } und { $last }
quoted = „{ $text }“

## Was ein Haushalt tut

activity-video-call = Videoanrufe
    .inside = Videoanrufe
activity-remote-desktop = Arbeit am fernen PC
    .inside = Arbeit am fernen PC
activity-card-payment = Kartenzahlung
    .inside = Kartenzahlung
activity-cloud-backup = Sichern in der Cloud
    .inside = Sichern in der Cloud
activity-voice-call = Telefonieren
    .inside = Telefonieren
activity-film-4k = Filme in 4K
    .inside = Filme in 4K
activity-game = Online-Spiele
    .inside = Online-Spiele
activity-web = Webseiten
    .inside = Webseiten
activity-live-upload = Live senden
    .inside = Live senden
activity-alarm = Hausnotruf
    .inside = Hausnotruf
activity-web-shop = Eigener Web-Shop
    .inside = der eigene Web-Shop
activity-cloud-game = Spiele aus der Cloud
    .inside = Spiele aus der Cloud
activity-home-camera = Kameras im Haus
    .inside = Kameras im Haus

technology-unknown = Zugang
technology-fttp = Glasfaser
technology-cable = Kabel
technology-dsl = DSL
technology-fixed-wireless = Festes Funknetz
technology-satellite = Satellit
technology-lte = 4G
technology-nr-nsa = 5G (NSA)
technology-nr-sa = 5G
technology-wwan = Mobilfunk
technology-wifi = WLAN
technology-ppp = PPP
technology-ethernet = Ethernet
link-label = { $technology } { $name }
link-label-of = { $technology } { $name } von { $agent }
all-links = alle Zugänge

## Seite eins

title = Was bei Ihnen zu Hause geht
statement-for = Auskunft für { $household }, { $period }
column-activity = Wofür
column-verdict = Urteil
column-sentence = Wie es lief
caption = Etwas gilt als gut, solange es über mindestens einen Zugang im Haus ging.
caption-why = Genannt ist, was dem ersten Zugang am meisten schadete.
level-works = geht
level-mostly-works = geht meist
level-often-fails = geht oft nicht
level-never-worked = ging nicht
level-not-enough-data = zu wenig Daten

worked-all = Es ging in der ganzen Zeit, die wir maßen.
worked-none = Es ging nie in der Zeit, die wir maßen.
worked-point = Es ging in { $share } der Zeit, die wir maßen.
worked-range = Es ging in { $range } der Zeit.
worked-point-why = Es ging in { $share } der Zeit; vor allem: { $why }.
worked-range-why = Es ging in { $range } der Zeit; vor allem: { $why }.
short-all = Es ging in den ganzen { $time }, die wir maßen.
short-part = Es ging in { $good } von { $time }, die wir maßen.
short-covered = Gemessen sind nur { $time }; die ganze Zeit ist { $period } lang.
short-none = Das ließ sich nicht messen.
why-latency = träge Antwort
why-loss = verlorene Daten
why-throughput = zu wenig Tempo
why-outage = Ausfälle
why-other = Lücken in den Daten

gist-nothing-measured = Wir maßen nichts, was hinter Ihrem Haus liegt. Darum kann keiner sagen, was ging.
gist-short-fine = In den { $time }, die wir maßen, sahen wir keinen Fehler. Das ist zu kurz, um mehr zu sagen.
gist-short-failed = In den { $time }, die wir maßen, ging dies zeitweise nicht: { $list }. Das ist zu kurz, um mehr zu sagen.
gist-short-all-failed = In den { $time }, die wir maßen, ging zeitweise nichts gut. Das ist zu kurz, um mehr zu sagen.
gist-short-nothing = In den { $time }, die wir maßen, ging nichts. Das ist zu kurz, um mehr zu sagen.
gist-part = In der Zeit, die wir maßen ({ $time }), galt: { $gist }
gist-all-work = Alle { $n } Dinge, die wir prüfen, gingen in mindestens 99 % der Zeit.
gist-judged-work = Alle { $n } Dinge, zu denen es ein Urteil gibt, gingen in mindestens 99 % der Zeit.
gist-all-mostly = Alles ging meist, aber nicht immer.
gist-all-often = Alles ging oft nicht.
gist-all-never = Nichts ging.
gist-never = Gar nicht ging: { $list }.
gist-often = Oft ging nicht: { $list }.
gist-mostly = Meist, aber nicht immer ging: { $list }.
gist-many-never = { $n } von { $all } Dingen gingen gar nicht.
gist-many-often = { $n } von { $all } Dingen gingen oft nicht.
gist-many-mostly = { $n } von { $all } Dingen gingen meist, aber nicht immer.
gist-rest = { $n ->
    [one] Eines sonst ging gut.
   *[other] { $n } weitere Dinge gingen gut.
}

time-measured = Gemessen
time-unknown = Nicht gemessen
time-excluded = Nicht gezählt
time-excluded-all = { $time } auf allen Zugängen
time-excluded-link = { $time } auf { $link }
time-none = nichts

heading-promised = Was Sie kauften, und was wir maßen
promised-down = { $link }, Empfang
promised-up = { $link }, Senden
promised-latency = { $link }, Zeit bis zur Antwort
promised-line = { $what }: verkauft als { $sold }. Wir maßen { $median } im üblichen Test, und { $worst } oder besser in 19 von 20 ({ $n } Tests).
promised-line-few = { $what }: verkauft als { $sold }. Wir maßen { $median } im üblichen Test ({ $n } Tests).
promised-line-none = { $what }: verkauft als { $sold }. Für einen Vergleich gab es zu wenig Tests ({ $n }).
sold-max = bis zu { $rate }
sold-normal = { $rate } in der Regel
sold-min = mindestens { $rate }
sold-latency = höchstens { $time }

rule-kept = { $what }: gehalten, nach { $rule }.
rule-broken = { $what }: nicht gehalten, nach { $rule }.
rule-kept-share = { $what }: gehalten, nach { $rule }. Verkauft als { $sold } oder mehr; gemessen: { $delivered }.
rule-broken-share = { $what }: nicht gehalten, nach { $rule }. Verkauft als { $sold } oder mehr; gemessen: { $delivered }.
rule-bnetza-fixed = der Regel für feste Netze (BNetzA; nur eine erste Probe, kein Beweis)
rule-bead = der Regel der USA für Tempo und Antwort (BEAD)
rule-ofcom-evening = dem Bereich des Tempos von 20 bis 22 Uhr
rule-ofcom-midday = dem Bereich des Tempos von 12 bis 14 Uhr
rule-sla = dem Teil der Zeit, in dem es da sein soll

heading-wrong = Was nicht gut lief
wrong-nothing = Nichts in der Zeit, die wir maßen.
wrong-unmeasured = Wir maßen nichts, darum kann es keiner sagen.
incident-line = { $when }: { $what } { $more }
incident-link-out = { $link } fiel für { $length } aus.
incident-link-poor = { $link } war für { $length } zu schlecht für: { $hit }.
incident-home-out = Ihr Haus war für { $length } vom Netz.
incident-home-out-all = Ihr Haus war für { $length } vom Netz, kein Zugang ging.
incident-home-poor = Das Netz war für { $length } zu schlecht für: { $hit }.
incident-all-activities = alles
incident-many-activities = { $n } von { $all } Dingen
incident-open = Am Ende der Zeit war es noch nicht vorbei.
incident-covered = Es ging noch: { $links }.
incidents-more = { $n ->
    [one] Ein kürzerer Fall steht im Anhang oder in der Liste der Lücken.
   *[other] { $count } kürzere Fälle stehen im Anhang oder in der Liste der Lücken.
}
segment-home = Es lag im Haus.
segment-access = Es lag auf dem Weg zum Anbieter.
segment-core-or-service = Es lag am Netz des Anbieters oder dahinter.
segment-service = So schlecht war nur der Dienst, den wir prüften; andere gingen.
segment-cannot-tell = Wo es lag, wissen wir nicht.

heading-help = Was helfen würde
help-with = { $remedy }: Dann wäre in { $with } der Zeit ({ $range }) statt in { $now }, wie auf dem ersten Zugang allein, gegangen: { $activity }. Das sind { $time } mehr, an { $days }.
help-with-point = { $remedy }: Dann wäre in { $with } der Zeit statt in { $now }, wie auf dem ersten Zugang allein, gegangen: { $activity }. Das sind { $time } mehr, an { $days }.
on-days = { $n ->
    [one] 1 Tag
   *[other] { $n } Tagen
}
help-had = Das haben Sie, und es hilft.
help-not-list = Nicht genug hätte geholfen: { $list }.
help-nothing = Es ist nichts zu tun: Auf { $link } ging alles in mindestens 99 % der Zeit, die wir maßen.
help-nothing-told = Es ist nichts zu tun: Auf { $link } ging alles, was Sie uns nannten, in mindestens 99 % der Zeit, die wir maßen.
help-nothing-at-all = Es ist nichts zu tun.
help-none-reaches = Von den { $n } Dingen, die wir prüften, hätte keines genug geholfen.
help-untold = Was wir maßen, sagt nicht, was helfen würde.
help-about-all = Wir gingen die schlechten Zeiten von { $link } noch einmal durch, als wäre eine Sache anders.
help-about-told = Wir gingen die schlechten Zeiten von { $link } noch einmal durch, als wäre eine Sache anders. Es zählt, was Sie uns nannten: { $list }.
help-about-no-link = Es gibt keinen Zugang, von dem sich das sagen lässt.
help-line = { $remedy }: { $verdict }. { $why }
help-wifi-placement = ein anderer Platz für das WLAN
help-queue-manager = ein Router mit kurzer Warteschlange
help-upload-tier = ein Tarif mit mehr Tempo beim Senden
help-mobile-backup = ein Zugang über Mobilfunk als Ersatz
help-access-repair = eine Reparatur der Leitung
help-verdict-recommended = würde helfen
help-verdict-in-place = haben Sie, und es hilft
help-verdict-would-not-help = würde nicht genug helfen
help-verdict-cannot-say = können wir nicht sagen
help-why-chance = Es hilft vielleicht, aber das sahen wir an zu wenig Tagen. Es kann Zufall sein.
help-why-data = Der Mobilfunk ging, als der erste Zugang nicht ging. Doch sein Tarif hat dafür zu wenig Daten.
help-why-no-line = Der erste Zugang geht über Mobilfunk, darum gibt es keine Leitung.
help-why-wifi-placement-recommended = Der Weg zum Router war träge oder verlor Daten.
help-why-wifi-placement-would-not-help = Der Weg zum Router war gut, als etwas nicht ging, oder er machte zu wenig davon aus.
help-why-wifi-placement-cannot-say = Was wir maßen, trennt das WLAN nicht von der Leitung.
help-why-queue-manager-recommended = Die Antwort war träge, als das Haus selbst die Leitung füllte.
help-why-queue-manager-would-not-help = Eine volle Leitung war selten oder nie der Grund für träge Antwort.
help-why-queue-manager-cannot-say = Wir wissen nicht gut genug, wann die Leitung voll war.
help-why-upload-tier-recommended = Kein Test zeigte beim Senden das Tempo, das man dafür braucht.
help-why-upload-tier-would-not-help = Das Tempo beim Senden reicht, oder es liegt an etwas anderem.
help-why-upload-tier-cannot-say = Es gab zu wenig Tests beim Senden, oder das Haus schickte kaum etwas.
help-why-mobile-backup-recommended = Ein Zugang über Mobilfunk im Haus ging, als der erste nicht ging.
help-why-mobile-backup-would-not-help = Der erste Zugang fiel kaum aus, oder der Mobilfunk ging dann auch nicht.
help-why-mobile-backup-cannot-say = Wir maßen keinen Mobilfunk, als der erste Zugang nicht ging.
help-why-access-repair-recommended = Ihr Router gab mehr als einmal Antwort, der erste des Anbieters aber nicht.
help-why-access-repair-would-not-help = Auf der Leitung zum Anbieter gab es zu wenig Fehler, oder keinen.
help-why-access-repair-cannot-say = Wir wissen nicht, wo die Fehler lagen.

heading-left-out = Nicht gezählt
left-out-line = { $period }, { $link }: { $why } (eingetragen von { $by })
left-out-unheard = { $period }, { $link }: Nichts blieb ungezählt, denn ein Zugang dieses Namens wurde nie gemessen; { $why } (eingetragen von { $by })
left-out-more = { $n ->
    [one] Eines mehr steht im Anhang.
   *[other] { $n } mehr stehen im Anhang.
}

heading-not-shown = Was dies nicht zeigt
not-shown-unknown = Für { $time } gibt es keine Daten. Diese Zeit gilt weder als gut noch als schlecht: Das Gerät, das misst, war vielleicht aus.
not-shown-excluded = Nicht gezählt sind { $time }; die Gründe stehen dabei.
not-shown-one-target = Für { $time } war einer der Punkte schlecht, zu denen wir messen, andere aber gut. Das liegt an ihm und zählt nicht gegen Ihre Zugänge.
not-shown-few-days = Es sind weniger als zwei Tage. Darum zeigt es nicht, was üblich ist.
not-shown-unproven = Wo Sie das Tempo nicht nutzten, das dies braucht, nahmen wir es als gegeben an: { $list }.
not-shown-unproven-many = Wo Sie das Tempo nicht nutzten, das { $n } von { $all } Dingen brauchen, nahmen wir es als gegeben an.
not-shown-unproven-all = Wo Sie das Tempo nicht nutzten, das etwas braucht, nahmen wir es als gegeben an.
not-shown-switching = Wir sahen nicht, ob Ihre Geräte auf den Zugang gingen, der noch ging, und wie schnell.
not-shown-beyond = Es zeigt nicht das WLAN in Ihren Zimmern, nicht Ihre Geräte, und nicht, ob ein Dienst ging.
not-shown-dropped = { $n ->
    [one] Eine Summe ging verloren, als der Speicher voll war; ihre Zeit gilt als nicht gemessen.
   *[other] { $count } Summen gingen verloren, als der Speicher voll war; ihre Zeit gilt als nicht gemessen.
}
not-shown-clock = Die Uhr des Geräts wurde in dieser Zeit gestellt. Zeiten davor können falsch sein.
not-shown-cannot = Nicht gemessen, in den Worten des Geräts: { $text }
not-shown-cannot-on = Nicht gemessen auf { $link }, in den Worten des Geräts: { $text }

heading-measured = Wie wir maßen
measured-how = Ein Programm im Haus schickt kleine Tests über jeden Zugang. Es fasst die Antworten je { $slot } zusammen.
measured-link = { $link }: { $series }.
measured-series = { $count } Tests, { $rate } ({ $method }, { $family })
measured-connects = { $count } Tests ({ $method }, { $family })
rate-a-second = { $n } je Sekunde
rate-every = einer je { $time }
measured-no-answers = keine Antwort von außerhalb
measured-not-tested = in dieser Zeit nicht geprüft
measured-judged = Jede Summe hielten wir gegen das, was man jeweils braucht (draft-ietf-ippm-qoo). Ein Ausfall zählt nur, wenn das Programm lief und von außen nichts kam, oder wenn das System selbst ihn sah.
measured-least = Unter { $time } an Tests oder unter { $share } der Zeit geben wir kein Urteil.
measured-range-days = Der Bereich zeigt, wie weit das Ergebnis mit mehr solchen Tagen gehen kann (zu 95 % sicher).
measured-range-unknown = Unten im Bereich gilt die Zeit ohne Daten als schlecht, oben als gut.
measured-range-both = Wo alle Tage gleich waren, gilt unten im Bereich die Zeit ohne Daten als schlecht, oben als gut.

foot = Erstellt am { $at }. Alle Zeiten: { $zone }. Was man jeweils braucht: Liste { $catalogue }.
proof-signed = Signiert. Wie man es prüft, steht im Anhang.
proof-unsigned = Nicht signiert. Alle Zahlen stehen im Anhang.

## Der Anhang

annex-title = Anhang: alle Zahlen
annex-for = { $household }, { $period }. Gezählt sind Stücke, jedes { $slot } lang.
annex-anywhere = Über einen der Zugänge im Haus
annex-link = { $link }
annex-link-time = Da: { $up }; weg: { $down }; nicht bekannt: { $unknown }; nicht gezählt: { $excluded }; Ausfälle: { $n }.
annex-activities = Stücke nach Zustand, und der Teil der gemessenen Zeit, in dem es ging
annex-rtt = Zeiten bis zur Antwort in ms, und verlorene Tests
annex-speeds = Tempo-Tests
annex-tests = Tests fertig: { $done }; misslungen: { $failed }; nicht gemacht: { $skipped }. Sie brauchten { $bytes }.
annex-incidents = Was nicht gut lief, und was wir sahen
annex-incident = { $from } bis { $to }, { $n } schlechte Stücke. { $what } { $more }
annex-incident-seen = Was wir sahen: { $facts }.
annex-edges-probe = Beginn und Ende sind auf den Test genau.
annex-edges-slot = Beginn oder Ende sind nur auf das Stück genau.
annex-help = Was helfen würde, und was nicht
annex-gains = Was sich geändert hätte auf { $link }
annex-exclusions = Nicht gezählt, von wem und warum
annex-none = Nichts.
annex-words = Die Worte, die wir nutzen
annex-check = Wie man diese Auskunft prüft
annex-check-records = Sie beruht auf { $count } Sätzen Daten. Geordnet, einer je Zeile, haben sie den SHA-256-Wert { $digest }.
annex-check-key = Sie ist mit dem Ed25519-Schlüssel { $key } signiert.
annex-check-unsigned = Sie ist nicht signiert: Der Wert zeigt, ob die Daten noch die alten sind, nicht, wer dies schrieb.
annex-check-how = Die signierten Zahlen stecken in dieser Datei. Der Befehl „hearth-collector verify DATEI --key SCHLÜSSEL“ zeichnet den ganzen Text neu aus ihnen und sagt, ob auch nur ein Zeichen anders ist. SCHLÜSSEL ist eine Datei mit dem Schlüssel, den Ihr Anbieter öffentlich macht: Ohne ihn kann es auch jemand anders signiert haben.
annex-check-none = Sie hat keinen Wert ihrer Daten und ist nicht signiert. Sie ist zum Lesen gedacht.

head-activity = Wofür
head-ok = OK
head-degraded = schlecht
head-down = weg
head-unknown = nicht bekannt
head-excluded = nicht gezählt
head-covered = gemessen
head-worked = ging
head-range = Bereich
head-trust = sicher?
head-remedy = Mit
head-now = ging
head-with = wäre gegangen
head-with-range = Bereich
head-gained = mehr Zeit
head-gain-days = an Tagen
head-spans = Stücke
head-point = Gefragt
head-method = Test
head-sent = hin
head-answered = zurück
head-lost = verloren
head-lost-down = davon ohne Netz
head-loss = Verlust am Netz
head-min = kleinste
head-p50 = p50
head-p95 = p95
head-p99 = p99
head-pdv = pdv_p95_v1
head-ipdv = ipdv_mean_v1
head-kind = Test
head-direction = Weg
head-count = Tests
head-median = Median
head-p5 = p5
head-rpm = rpm_draft09
head-loaded-p50 = p50 bei Last
head-loaded-p95 = p95 bei Last
trust-low = wenig
trust-medium = mittel
trust-high = gut
direction-down = zu Ihnen
direction-up = von Ihnen
test-responsiveness = voller Test
test-capacity = kurzer Test
point-gateway = das Gateway
point-first-hop = der erste Router dahinter
point-reflector = der Reflektor
point-reflector-over = der Reflektor über { $link }
point-target = { $name }
point-resolver = der Namens-Server
skip-busy = { $n } weil das Haus das Netz nutzte
skip-gave-way = { $n } machten dem Haus Platz
skip-budget = { $n } um Daten zu sparen
skip-roaming = { $n } im fremden Netz
skip-link-down = { $n } weil der Zugang weg war
skip-expired = { $n } kamen zu spät
skip-rate = { $n } über der Grenze
skip-no-server = { $n } ohne Server
skip-refused = { $n } weil der Server voll war
skip-stopped = { $n } weil das Gerät aus ging
skip-none = keine

fact-down-probes = kein ferner Punkt gab Antwort
fact-down-carrier = das System sah kein Signal am Zugang
fact-down-address = das System sah keine Adresse am Zugang
fact-down-route = das System sah keine Route über den Zugang
fact-down-interface = das System sah, dass der Zugang weg war
fact-not-probed = { $point } wurde nicht gefragt
fact-never-answers = { $point } gibt nie Antwort und sagt darum nichts
fact-answered = { $point } gab Antwort auf { $answered } von { $tried }
fact-answered-times = { $point } gab Antwort auf { $answered } von { $tried }, p95 { $during } ms (Median davor und danach { $around } ms)
fact-on-link = { $link }: { $segment } { $facts }
fact-link-not-measured = { $link } wurde nicht gemessen

word-ok = OK: In diesem Stück kamen Antworten, Verlust und bekanntes Tempo an das heran, was man braucht (QoO ab 50).
word-degraded = Schlecht: Der Zugang war da, aber das reichte nicht.
word-down = Weg: Der Zugang war mehr als die halbe Zeit des Stücks weg, vom Haus aus gesehen.
word-unknown = Nicht bekannt: Nichts spricht dafür oder dagegen. Es zählt nicht.
word-excluded = Nicht gezählt: Ein Mensch bat darum. Name und Grund stehen dabei.
word-measured = Gemessen: OK, schlecht und weg, als Teil von allem, was zählt.
word-worked = Ging: OK als Teil von allem, was gemessen ist.
word-range = Bereich: aus ganzen Tagen, neu gezogen (95 %). Wo alle Tage gleich waren: was nicht bekannt ist, erst als schlecht, dann als gut.
word-help = Was helfen würde: Nur schlechte Stücke des ersten Zugangs zählen neu. Der Bereich: unten, was sicher ist, und was nicht bekannt ist als schlecht; oben, was sein kann, und was nicht bekannt ist als gut. Es muss 0,2 % der Zeit bringen, an zwei Tagen oder mehr.
word-percentiles = p50, p95, p99: So schnell oder schneller kamen die Hälfte, 95 % und 99 % der Antworten. p5: So gut oder besser waren 95 % der Tests.
word-loss = Verlust: Tests ohne Antwort in 3 Sek., solange der Zugang da war; dazu der Bereich (95 %).
word-pdv = pdv_p95_v1: das p95 eines Stücks minus sein kleinster Wert, im mittleren Stück (RFC 5481). ipdv_mean_v1: wie sehr sich die Zeit von Antwort zu Antwort im Mittel ändert (RFC 3393).
word-rpm = rpm_draft09: wie oft je Minute eine Antwort kommt, wenn das Netz voll ist (draft-ietf-ippm-responsiveness-09). Bei Last: Zeiten bis zur Antwort dabei.
word-trust = Sicher: wenig unter einer Stunde oder der halben Zeit; mittel unter einem Tag, unter 90 % der Zeit, oder wo man das Tempo meist nicht sah.
