package locale

// germanSettings has the texts of the settings page.
var germanSettings = map[string]string{
	"Second time zone":            "Zweite Zeitzone",
	"None":                        "Keine",
	"Week starts on":              "Die Woche beginnt am",
	"I work on":                   "Ich arbeite am",
	"Working hours from":          "Arbeitszeit von",
	"Working hours until":         "Arbeitszeit bis",
	"Light":                       "Hell",
	"Dark":                        "Dunkel",
	"Keyboard shortcuts":          "Tastenkürzel",
	"Display":                     "Anzeige",
	"Times":                       "Uhrzeiten",
	"Colours":                     "Farben",
	"As in my mailbox":            "Wie in meinem Postfach",
	"As my browser asks":          "Wie im Browser eingestellt",
	"As my device has them":       "Wie auf meinem Gerät",
	"As usual in my region":       "Wie in meiner Region üblich",
	"Calendars shown":             "Angezeigte Kalender",
	"Saved.":                      "Gespeichert.",
	"Hide events I have declined": "Von mir abgelehnte Termine ausblenden",
	"Show calendars that others share with me":                                                             "Kalender anzeigen, die andere für mich freigegeben haben",
	"Microsoft will ask you once to allow it.":                                                             "Microsoft bittet Sie dafür einmal um Ihre Erlaubnis.",
	"Press ? on a calendar page to see them.":                                                              "Drücken Sie ? auf einer Kalenderseite, um sie zu sehen.",
	"Your calendars cannot be listed at the moment.":                                                       "Ihre Kalender können im Moment nicht aufgelistet werden.",
	"The time zone of your mailbox is not known, so times are in UTC. You can choose one in the settings.": "Die Zeitzone Ihres Postfachs ist nicht bekannt, deshalb gelten die Zeiten in UTC. In den Einstellungen können Sie eine wählen.",
}
