package Cpanel::Admin::Modules::Slotfs::session;

# Runs as root for the user who called it, and makes a proof for his account: it can be used once, for a minute.

use strict;
use warnings;

use parent 'Cpanel::Admin::Base';

use constant _actions => ('PROVE');

sub PROVE {
    my ($self) = @_;
    $self->cpuser_has_feature_or_die('slotfs');
    open( my $out, '-|', '@SLOTFS@', 'panel', 'prove', '--socket', '@CONTROL@', '--', $self->get_caller_username() )
      or die "slotfs: $!\n";
    my $proof = <$out>;
    close($out) or die "slotfs made no proof\n";
    chomp $proof;
    return $proof;
}

1;
