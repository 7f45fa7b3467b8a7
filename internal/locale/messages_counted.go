package locale

// counted has the texts whose form depends on a number, their first argument.
var counted = map[string]forms{
	"%d bytes":  {"%d byte", "%d Byte", "%d Byte"},
	"%d days":   {"%d day", "%d Tag", "%d Tage"},
	"%d events": {"%d event", "%d Termin", "%d Termine"},
	"%d h":      {"%d h", "%d Std.", "%d Std."},
	"%d min":    {"%d min", "%d Min.", "%d Min."},
	"%d times":  {"once", "einmal", "%d-mal"},
	"+%d more":  {"+%d more", "+%d weiterer", "+%d weitere"},
}
