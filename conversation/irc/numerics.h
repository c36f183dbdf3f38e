/* SPDX-License-Identifier: MIT */
/*
 * numerics - every numeric reply of the server: its name, its number and the format of the part
 * after the client's nick.
 *
 * The formats are those of printf, and the compiler checks the arguments of each use
 * (model_private.h). A "%s" that is not at the end must get a word (names.h: apo_is_word).
 *
 * Source  modern-irc, "Numerics"; those of WHOX, MONITOR and SASL are from IRCv3.
 */
#ifndef APO_NUMERICS_H
#define APO_NUMERICS_H

#define APO_NUMERICS(X)                                                                            \
	X(RPL_WELCOME, 1, ":Welcome to the %s network, %s")                                        \
	X(RPL_YOURHOST, 2, ":Your host is %s, running version %s")                                 \
	X(RPL_CREATED, 3, ":This server was started %s")                                           \
	X(RPL_MYINFO, 4, "%s %s %s %s %s")                                                         \
	X(RPL_ISUPPORT, 5, "%s :are supported by this server")                                     \
	X(RPL_SNOMASK, 8, "%s :Server notice mask")                                                \
	X(RPL_STATSCOMMANDS, 212, "%s %lu")                                                        \
	X(RPL_STATSKLINE, 216, "K %s %ld %ld %s :%s")                                              \
	X(RPL_ENDOFSTATS, 219, "%s :End of STATS")                                                 \
	X(RPL_UMODEIS, 221, "%s")                                                                  \
	X(RPL_STATSDLINE, 225, "D %s%s %ld %ld %s :%s")                                            \
	X(RPL_STATSUPTIME, 242, ":Server up %lu days %lu:%02lu:%02lu")                             \
	X(RPL_STATSOLINE, 243, "O %s * %s")                                                        \
	X(RPL_STATSXLINE, 247, "X %s %ld %ld %s :%s")                                              \
	X(RPL_STATSDEBUG, 249, ":%s %lu")                                                          \
	X(RPL_LUSERCLIENT, 251, ":There are %lu users and %lu invisible on 1 servers")             \
	X(RPL_LUSEROP, 252, "%lu :operators online")                                               \
	X(RPL_LUSERUNKNOWN, 253, "%lu :unregistered connections")                                  \
	X(RPL_LUSERCHANNELS, 254, "%lu :channels formed")                                          \
	X(RPL_LUSERME, 255, ":I have %lu clients and 0 servers")                                   \
	X(RPL_ADMINME, 256, "%s :Administrative info")                                             \
	X(RPL_ADMINLOC1, 257, ":%s")                                                               \
	X(RPL_ADMINLOC2, 258, ":%s")                                                               \
	X(RPL_ADMINEMAIL, 259, ":%s")                                                              \
	X(RPL_LOCALUSERS, 265, "%lu %lu :Current local users %lu, max %lu")                        \
	X(RPL_GLOBALUSERS, 266, "%lu %lu :Current global users %lu, max %lu")                      \
	X(RPL_WHOISCERTFP, 276, "%s :has client certificate fingerprint %s")                       \
	X(RPL_AWAY, 301, "%s :%s")                                                                 \
	X(RPL_USERHOST, 302, ":%s")                                                                \
	X(RPL_ISON, 303, ":%s")                                                                    \
	X(RPL_UNAWAY, 305, ":You are no longer marked as being away")                              \
	X(RPL_NOWAWAY, 306, ":You have been marked as being away")                                 \
	X(RPL_WHOISUSER, 311, "%s %s %s * :%s")                                                    \
	X(RPL_WHOISSERVER, 312, "%s %s :%s")                                                       \
	X(RPL_WHOISOPERATOR, 313, "%s :is an IRC operator")                                        \
	X(RPL_WHOWASUSER, 314, "%s %s %s * :%s")                                                   \
	X(RPL_ENDOFWHO, 315, "%s :End of WHO list")                                                \
	X(RPL_WHOISIDLE, 317, "%s %ld %ld :seconds idle, signon time")                             \
	X(RPL_ENDOFWHOIS, 318, "%s :End of WHOIS list")                                            \
	X(RPL_WHOISCHANNELS, 319, "%s :%s")                                                        \
	X(RPL_LISTSTART, 321, "Channel :Users  Name")                                              \
	X(RPL_LIST, 322, "%s %u :%s")                                                              \
	X(RPL_LISTEND, 323, ":End of LIST")                                                        \
	X(RPL_CHANNELMODEIS, 324, "%s %s")                                                         \
	X(RPL_CREATIONTIME, 329, "%s %ld")                                                         \
	X(RPL_WHOISACCOUNT, 330, "%s %s :is logged in as")                                         \
	X(RPL_NOTOPIC, 331, "%s :No topic is set")                                                 \
	X(RPL_TOPIC, 332, "%s :%s")                                                                \
	X(RPL_TOPICWHOTIME, 333, "%s %s %ld")                                                      \
	X(RPL_WHOISBOT, 335, "%s :is a bot on %s")                                                 \
	X(RPL_INVITELIST_OWN, 336, "%s")                                                           \
	X(RPL_ENDOFINVITELIST_OWN, 337, ":End of INVITE list")                                     \
	X(RPL_WHOISACTUALLY, 338, "%s %s %s :is actually using host")                              \
	X(RPL_INVITING, 341, "%s %s")                                                              \
	X(RPL_INVITELIST, 346, "%s %s %s %ld")                                                     \
	X(RPL_ENDOFINVITELIST, 347, "%s :End of channel invite list")                              \
	X(RPL_EXCEPTLIST, 348, "%s %s %s %ld")                                                     \
	X(RPL_ENDOFEXCEPTLIST, 349, "%s :End of channel exception list")                           \
	X(RPL_VERSION, 351, "%s %s :%s")                                                           \
	X(RPL_WHOREPLY, 352, "%s %s %s %s %s %s :0 %s")                                            \
	X(RPL_NAMREPLY, 353, "%s %s :%s")                                                          \
	X(RPL_WHOSPCRPL, 354, "%s")                                                                \
	X(RPL_LINKS, 364, "%s %s :0 %s")                                                           \
	X(RPL_ENDOFLINKS, 365, "%s :End of LINKS list")                                            \
	X(RPL_ENDOFNAMES, 366, "%s :End of NAMES list")                                            \
	X(RPL_BANLIST, 367, "%s %s %s %ld")                                                        \
	X(RPL_ENDOFBANLIST, 368, "%s :End of channel ban list")                                    \
	X(RPL_ENDOFWHOWAS, 369, "%s :End of WHOWAS")                                               \
	X(RPL_INFO, 371, ":%s")                                                                    \
	X(RPL_MOTD, 372, ":- %s")                                                                  \
	X(RPL_ENDOFINFO, 374, ":End of INFO")                                                      \
	X(RPL_MOTDSTART, 375, ":- %s Message of the day -")                                        \
	X(RPL_ENDOFMOTD, 376, ":End of MOTD")                                                      \
	X(RPL_YOUREOPER, 381, ":You are now an IRC operator")                                      \
	X(RPL_REHASHING, 382, "%s :Rehashing")                                                     \
	X(RPL_TIME, 391, "%s :%s")                                                                 \
	X(RPL_VISIBLEHOST, 396, "%s :is now your visible host")                                    \
	X(ERR_UNKNOWNERROR, 400, "%s :%s")                                                         \
	X(ERR_NOSUCHNICK, 401, "%s :No such nick or channel")                                      \
	X(ERR_NOSUCHSERVER, 402, "%s :No such server")                                             \
	X(ERR_NOSUCHCHANNEL, 403, "%s :No such channel")                                           \
	X(ERR_CANNOTSENDTOCHAN, 404, "%s :Cannot send to channel")                                 \
	X(ERR_TOOMANYCHANNELS, 405, "%s :You have joined too many channels")                       \
	X(ERR_WASNOSUCHNICK, 406, "%s :There was no such nickname")                                \
	X(ERR_TOOMANYTARGETS, 407, "%s :Too many targets")                                         \
	X(ERR_NOORIGIN, 409, ":No origin specified")                                               \
	X(ERR_INVALIDCAPCMD, 410, "%s :Invalid CAP subcommand")                                    \
	X(ERR_NORECIPIENT, 411, ":No recipient given")                                             \
	X(ERR_NOTEXTTOSEND, 412, ":No text to send")                                               \
	X(ERR_INPUTTOOLONG, 417, ":Input line was too long")                                       \
	X(ERR_UNKNOWNCOMMAND, 421, "%s :Unknown command")                                          \
	X(ERR_NOMOTD, 422, ":MOTD File is missing")                                                \
	X(ERR_NOADMININFO, 423, "%s :No administrative info available")                            \
	X(ERR_NONICKNAMEGIVEN, 431, ":No nickname given")                                          \
	X(ERR_ERRONEUSNICKNAME, 432, "%s :Erroneous nickname")                                     \
	X(ERR_NICKNAMEINUSE, 433, "%s :Nickname is already in use")                                \
	X(ERR_BANONCHAN, 435, "%s %s :Cannot change nick while banned or muted there")             \
	X(ERR_USERNOTINCHANNEL, 441, "%s %s :They aren't on that channel")                         \
	X(ERR_NOTONCHANNEL, 442, "%s :You're not on that channel")                                 \
	X(ERR_USERONCHANNEL, 443, "%s %s :is already on channel")                                  \
	X(ERR_NOTREGISTERED, 451, ":You have not registered")                                      \
	X(ERR_NEEDMOREPARAMS, 461, "%s :Not enough parameters")                                    \
	X(ERR_ALREADYREGISTERED, 462, ":You may not reregister")                                   \
	X(ERR_PASSWDMISMATCH, 464, ":Password incorrect")                                          \
	X(ERR_YOUREBANNEDCREEP, 465, ":You are banned from this server: %s")                       \
	X(ERR_CHANNELISFULL, 471, "%s :Cannot join channel (+l)")                                  \
	X(ERR_UNKNOWNMODE, 472, "%c :is unknown mode char to me")                                  \
	X(ERR_INVITEONLYCHAN, 473, "%s :Cannot join channel (+i)")                                 \
	X(ERR_BANNEDFROMCHAN, 474, "%s :Cannot join channel (+b)")                                 \
	X(ERR_BADCHANNELKEY, 475, "%s :Cannot join channel (+k)")                                  \
	X(ERR_NEEDREGGEDNICK, 477, "%s :Log in to an account first")                               \
	X(ERR_BANLISTFULL, 478, "%s %c :Channel list is full")                                     \
	X(ERR_NOPRIVILEGES, 481, ":Permission denied, you are not an IRC operator")                \
	X(ERR_CHANOPRIVSNEEDED, 482, "%s :You're not channel operator")                            \
	X(ERR_NOOPERHOST, 491, ":No operator lines for your host")                                 \
	X(ERR_UMODEUNKNOWNFLAG, 501, ":Unknown MODE flag")                                         \
	X(ERR_USERSDONTMATCH, 502, ":Cannot change mode for other users")                          \
	X(ERR_HELPNOTFOUND, 524, "%s :No help on this subject")                                    \
	X(ERR_INVALIDKEY, 525, "%s :Key is not well-formed")                                       \
	X(ERR_CANTSENDTOUSER, 531, "%s :This user takes no CTCP")                                  \
	X(RPL_WHOISSECURE, 671, "%s :is using a secure connection")                                \
	X(ERR_INVALIDMODEPARAM, 696, "%s %c %s :%s")                                               \
	X(RPL_HELPSTART, 704, "%s :%s")                                                            \
	X(RPL_HELPTXT, 705, "%s :%s")                                                              \
	X(RPL_ENDOFHELP, 706, "%s :End of help")                                                   \
	X(RPL_QUIETLIST, 728, "%s q %s %s %ld")                                                    \
	X(RPL_ENDOFQUIETLIST, 729, "%s q :End of channel quiet list")                              \
	X(RPL_MONONLINE, 730, ":%s")                                                               \
	X(RPL_MONOFFLINE, 731, ":%s")                                                              \
	X(RPL_MONLIST, 732, ":%s")                                                                 \
	X(RPL_ENDOFMONLIST, 733, ":End of MONITOR list")                                           \
	X(ERR_MONLISTFULL, 734, "%u %s :Monitor list is full")                                     \
	X(RPL_WHOISKEYVALUE, 760, "%s %s * :%s")                                                   \
	X(RPL_KEYVALUE, 761, "%s %s * :%s")                                                        \
	X(RPL_KEYNOTSET, 766, "%s %s :Key is not set")                                             \
	X(RPL_METADATASUBOK, 770, "%s")                                                            \
	X(RPL_METADATAUNSUBOK, 771, "%s")                                                          \
	X(RPL_METADATASUBS, 772, "%s")                                                             \
	X(RPL_METADATASYNCLATER, 774, "%s")                                                        \
	X(RPL_LOGGEDIN, 900, "%s %s :You are now logged in as %s")                                 \
	X(RPL_LOGGEDOUT, 901, "%s :You are now logged out")                                        \
	X(RPL_SASLSUCCESS, 903, ":SASL authentication successful")                                 \
	X(ERR_SASLFAIL, 904, ":SASL authentication failed")                                        \
	X(ERR_SASLTOOLONG, 905, ":SASL message too long")                                          \
	X(ERR_SASLABORTED, 906, ":SASL authentication aborted")                                    \
	X(RPL_SASLMECHS, 908, "%s :are available SASL mechanisms")

enum apo_numeric {
#define APO_NUMERIC_ENUM(name, number, format) name = number,
	APO_NUMERICS(APO_NUMERIC_ENUM)
#undef APO_NUMERIC_ENUM
};

/* Each format is a constant, so that the compiler can check the arguments where it is used. */
#define APO_NUMERIC_FORMAT(name, number, format)                                                   \
	static const char apo_format_##name[] __attribute__((unused)) = format;
APO_NUMERICS(APO_NUMERIC_FORMAT)
#undef APO_NUMERIC_FORMAT

#endif
