package simulator

import "time"

// haruka works in Tokyo, eight hours ahead of Berlin and without daylight
// saving time.
func haruka(now time.Time) *Person {
	p := newPerson("Haruka Sato", "haruka.sato@contoso.example", "Launch manager in Tokyo: a day ahead of everybody", settings{
		zone: "Tokyo Standard Time", locale: "ja-JP", language: "Japanese (Japan)", timeFormat: "H:mm", dateFormat: "yyyy/MM/dd",
		hours: hours{start: "09:00", end: "18:00"},
	})
	c := &p.mailbox.card
	c.given, c.surname, c.title, c.department = "Haruka", "Sato", "Launch Manager, Japan", "Product"
	c.office, c.city, c.country, c.mobile = "Tokyo, Marunouchi 14F", "Tokyo", "Japan", "+81 90 5555 0164"
	c.photo = true
	c.managerName, c.managerTitle, c.managerAddress = "山本 健二", "Country Manager", "kenji.yamamoto@contoso.example"
	c.managerObject = keyOf("person", c.managerAddress).guid()
	p.mailbox.categories = []category{{"ローンチ", "preset5"}, {"お客様", "preset7"}, {"Personal", "preset1"}}
	a := newAuthor(p, now)
	a.write(harukaWork...)
	a.in("My Calendars", calendar{name: "プライベート", color: "lightPink", hex: "#E3008C", seesPrivate: true, canEdit: true}).write(harukaOwn...)
	a.in("Other Calendars", calendar{name: "日本の祝日", color: "lightGreen", seesPrivate: true}).write(japaneseHolidays...)
	return p
}

var harukaWork = []row{
	ev(weekly(1, "Mon", "09:00", 15), "朝会", with("Kenji Yui"), room("Marunouchi A")).move(0, "Mon", once(0, "Mon", "09:30", 15)),
	ev(weekly(1, "Tue Wed Thu Fri", "09:30", 15), "Stand-up Japan", with("Kenji Yui")),
	ev(weekly(1, "Mon", "10:00", 60), "週次定例", with("Kenji Yui"), room("Marunouchi A"), teams),
	ev(weekly(1, "Tue", "11:00", 30), "1:1 山本さん", by("Kenji"), with("Haruka")),
	ev(weekly(1, "Wed", "14:00", 60), "Localisation review", with("Yui Amélie?"), teams, cat("ローンチ")),
	ev(weekly(1, "Mon Wed Fri", "12:00", 60), "昼休み", shows("free")),
	ev(weekly(1, "Thu", "17:30", 60), "Berlin sync: launch plan", with("Lena Mira?"), teams, inZone("Tokyo Standard Time")),
	ev(weekly(1, "Wed", "16:30", 45), "Product leadership sync", by("Henrik"), with("Lena Dana Marcus? Haruka-"), teams, inZone("W. Europe Standard Time"), answered("declined"), shows("free")),
	ev(weekly(2, "Fri", "15:00", 60), "勉強会", with("Yui Kenji?"), at("オンライン")),
	ev(weekly(1, "Thu", "10:00", 90), "集中タイム: ドキュメント", kept("personal")),
	ev(some(2, 0, "Tue", "13:30", 60), "お客様訪問: Fabrikam Japan", with("Kenji Victoria?"), address("Fabrikam Japan", "丸の内2-7-2", "東京", "日本"), cat("お客様"), shows("oof")),
	ev(some(2, 1, "Fri", "11:00", 45), "Press briefing", with("Yui"), teams),
	ev(some(3, 0, "Wed", "10:00", 45), "Pricing for Japan", with("Lena Sofia~"), teams, cat("ローンチ")),
	ev(some(3, 0, "Fri", "18:30", 120), "懇親会", at("居酒屋 さくら、神田")),
	ev(some(4, 0, "Mon", "15:00", 60), "Launch rehearsal", with("Kenji Yui Paula?"), room("Marunouchi B"), teams, urgent),
	ev(someDays(7, 0, "Thu", 2), "大阪出張", shows("oof")),
	ev(some(7, 0, "Thu", "07:00", 150), "のぞみ 7号 東京 → 新大阪", at("東京駅 17番線")),
	ev(nth("first", "Mon", "13:00", 45), "月次レポート", with("Kenji"), attached),
}

var harukaOwn = []row{
	ev(weekly(1, "Tue", "19:30", 90), "ヨガ", at("代々木")),
	ev(weekly(1, "Sat", "10:00", 120), "茶道"),
	ev(some(5, 0, "Wed", "08:15", 30), "歯医者", kept("private")),
	ev(yearly(time.April, 9), "母の誕生日"),
}

var japaneseHolidays = []row{
	ev(yearly(time.January, 1), "元日"), ev(yearlyNth(time.January, "second", "Mon"), "成人の日"), ev(yearly(time.February, 11), "建国記念の日"),
	ev(yearly(time.February, 23), "天皇誕生日"), ev(yearly(time.April, 29), "昭和の日"), ev(yearly(time.May, 3), "憲法記念日"),
	ev(yearly(time.May, 4), "みどりの日"), ev(yearly(time.May, 5), "こどもの日"), ev(yearlyNth(time.July, "third", "Mon"), "海の日"),
	ev(yearly(time.August, 11), "山の日"), ev(yearlyNth(time.September, "third", "Mon"), "敬老の日"), ev(yearlyNth(time.October, "second", "Mon"), "スポーツの日"),
	ev(yearly(time.November, 3), "文化の日"), ev(yearly(time.November, 23), "勤労感謝の日"),
}

// priya starts today: nothing in the calendar, no photo, nobody above her.
func priya() *Person {
	p := newPerson("Priya Nair", "priya.nair@contoso.example", "New at the company: an empty calendar and no photo", settings{
		zone: "GMT Standard Time", locale: "en-GB", language: "English (United Kingdom)", timeFormat: "HH:mm", dateFormat: "dd/MM/yyyy",
	})
	c := &p.mailbox.card
	c.title, c.city, c.country = "Support Engineer", "London", "United Kingdom"
	return p
}

// nadia must consent first. Nobody has opened Outlook's settings for her
// mailbox, so it names no time zone and no language.
func nadia(now time.Time) *Person {
	p := newPerson("Nadia Haddad", "nadia.haddad@contoso.example", "Has to agree first; her mailbox names no time zone", settings{})
	p.NeedsConsent = true
	c := &p.mailbox.card
	c.title, c.department, c.office, c.city, c.country = "Regional Sales Manager", "Sales", "Cairo, Zamalek", "Cairo", "Egypt"
	c.blankPhoto, c.language = true, "ar-EG"
	c.managerName, c.managerTitle, c.managerAddress = "Dana Whitfield", "Chief Operating Officer", "dana.whitfield@contoso.example"
	c.managerObject = keyOf("person", c.managerAddress).guid()
	p.mailbox.categories = []category{{"عملاء", "preset4"}, {"Travel", "preset8"}}
	a := newAuthor(p, now)
	a.write(nadiaWork...)
	a.in("My Calendars", calendar{name: "العائلة", color: "lightBrown", seesPrivate: true, canEdit: true}).write(
		ev(weekly(1, "Fri", "13:00", 180), "غداء العائلة", inZone(cairo)),
		ev(some(4, 0, "Thu", "18:00", 60), "طبيب الأسنان", kept("private"), inZone(cairo)),
		ev(yearly(time.August, 30), "عيد ميلاد ليلى", inZone(cairo)))
	return p
}

const cairo = "Egypt Standard Time"

var nadiaWork = []row{
	ev(weekly(1, "Sun Mon Tue Wed Thu", "09:30", 30), "اجتماع الصباح", with("Omar Salma"), inZone(cairo)).skip(0, "Tue"),
	ev(weekly(1, "Sun", "11:00", 60), "Regional pipeline", with("Omar Salma Luis?"), teams, inZone(cairo)),
	ev(weekly(1, "Mon", "14:00", 45), "1:1 Omar", with("Omar"), inZone(cairo)),
	ev(weekly(1, "Wed", "16:00", 60), "Forecast call", by("Dana"), with("Nadia Luis Jonas?"), teams, inZone("Eastern Standard Time")).
		move(0, "Wed", once(0, "Thu", "10:00", 60)),
	ev(weekly(1, "Tue", "12:00", 60), "متابعة العملاء (CRM)", with("Salma"), cat("عملاء"), inZone(cairo)),
	ev(weekly(1, "Thu", "13:00", 60), "Contract review", with("Sofia Omar"), teams, inZone(cairo)),
	ev(some(2, 0, "Mon", "10:30", 90), "زيارة عميل: شركة النيل", address("شركة النيل", "شارع ٢٦ يوليو", "القاهرة", "مصر"), cat("عملاء"), inZone(cairo), shows("oof")),
	ev(some(2, 1, "Wed", "11:00", 60), "Tender: final questions", with("Salma Owen~"), teams, inZone(cairo)),
	ev(some(3, 0, "Tue", "15:00", 60), "Marketing plan for the region", with("Amélie?"), inZone(cairo)),
	ev(someDays(6, 0, "Wed", 2), "Dubai: partner summit", shows("oof"), cat("Travel"), inZone("Arabian Standard Time")),
	ev(some(6, 0, "Tue", "19:20", 215), "Flight CAI → DXB", cat("Travel"), shows("oof"), inZone(cairo)),
}

// tom has an account and no licence for Exchange.
func tom() *Person {
	p := newPerson("Tom Becker", "tom.becker@contoso.example", "An account without a mailbox: a profile, but no calendar", settings{})
	p.mailbox.disabled = true
	c := &p.mailbox.card
	c.title, c.department, c.office, c.mail = "Facilities", "Operations", "Berlin, Lindenhof 0.03", ""
	c.city, c.country, c.phones = "Berlin", "Germany", []string{"+49 30 555 0101"}
	return p
}
