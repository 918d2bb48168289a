package cli

// ProfileOf is what judging needs of an integration's provider.
var ProfileOf = profileOf
